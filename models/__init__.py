"""Everything that runs a neural network; plain arrays out, nothing of ours in."""

from models.predictions import BoxPrediction, TextPrediction

__all__ = ["BoxPrediction", "TextPrediction"]
