"""Finds and reads the lines of text on a vehicle, with RapidOCR's packaged networks."""

import cv2
import numpy as np
from rapidocr import EngineType, RapidOCR

from models.predictions import ImageArray, TextPrediction
from models.registry import find_network

__all__ = ["TextReader"]

# The text finder was trained on lines of about this height or more; a plate fills about a
# quarter of a vehicle's width, so a crop of this width shows it large enough.
_WANTED_WIDTH_PX = 640
_LARGEST_ZOOM = 4.0
# The text finder's own default enlarges a second time, to 736 pixels on the shorter side: three
# times the work, and it reads no more plates.
_LARGEST_SIDE_PX = 640


class TextReader:
    """Reads all text in an image; loads its networks once, on the CPU, without the network.

    Not safe for use by two threads at once.
    """

    def __init__(self) -> None:
        """Load the networks.

        Raises:
            NetworkFileError: a packaged file is missing or was changed.
        """
        finder = find_network("plate-text-finder")
        reader = find_network("plate-text-reader")
        self._ocr = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.use_cls": False,
                "Det.engine_type": EngineType.OPENVINO,
                "Det.model_path": str(finder.path),
                "Det.limit_type": "max",
                "Det.limit_side_len": _LARGEST_SIDE_PX,
                "Rec.engine_type": EngineType.OPENVINO,
                "Rec.model_path": str(reader.path),
            }
        )

    def predict(self, image: ImageArray) -> tuple[TextPrediction, ...]:
        """The lines of text in one image, small images enlarged first."""
        zoom = min(_LARGEST_ZOOM, max(1.0, _WANTED_WIDTH_PX / image.shape[1]))
        enlarged = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
        found = self._ocr(enlarged)
        if found.boxes is None:
            return ()
        return tuple(
            TextPrediction(
                text=text,
                confidence=float(score),
                xyxy_px=np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(
                    np.float64
                )
                / zoom,
            )
            for text, score, corners in zip(found.txts, found.scores, found.boxes, strict=True)
        )
