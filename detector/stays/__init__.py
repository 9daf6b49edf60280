"""One vehicle, one stay: when it came to rest, how long it was truly seen there, when it left."""

from detector.stays.book import StayBook
from detector.stays.stay import Departure, Stay
from detector.stays.surroundings import Situation, Surroundings

__all__ = ["Departure", "Situation", "Stay", "StayBook", "Surroundings"]
