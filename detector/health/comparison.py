"""One picture a second, held against the reference: learned at first, followed slowly later."""

from collections import deque

import numpy as np

from detector.geometry import FloatArray
from detector.health.lens import Lens
from detector.health.picture import GreyArray, MaskArray, SmallPicture, halved
from detector.health.reference import Reference
from detector.health.view import Landmarks, ViewChange
from pipeline.events import CameraFault

__all__ = ["Comparison"]

_LEARNED_FROM = 6
_STEADY_OVER = 5
_FEWEST_STEADY = 3
_BRIGHT_GREY = 170
# The reference follows the light of the day: of what is new, this much with every picture.
_FOLLOW_RATIO = 1 / 600
_RENEW_EVERY = 60


class Comparison:
    """What pictures show of view and lens, compared with one reference.

    The reference follows the light of the day, only while the view is seen to be unmoved.
    """

    def __init__(self, reference: Reference) -> None:
        """Go on with a known reference."""
        self.reference = reference
        self._landmarks = Landmarks(reference)
        self._lens = Lens(reference)
        self._followed: FloatArray = reference.grey.astype(np.float64)
        self._looks = 0
        self._halves: deque[GreyArray] = deque(maxlen=_STEADY_OVER)
        self.signs: frozenset[CameraFault] = frozenset()

    @property
    def is_bright(self) -> MaskArray:
        """Where the reference is bright anyway, as the sky and white walls are."""
        return self.reference.grey >= _BRIGHT_GREY

    def look(self, picture: SmallPicture) -> None:
        """Take the next picture, one a second; afterwards `signs` says what is wrong."""
        self._halves.append(halved(picture.grey))
        change = self._change_of_view(picture)
        if change in {ViewChange.MOVED, ViewChange.GONE}:
            self.signs = frozenset({CameraFault.VIEW_MOVED})
            return
        is_dirty = self._lens.is_dirty(picture)
        self.signs = frozenset({CameraFault.LENS_DIRTY}) if is_dirty else frozenset()
        if change is ViewChange.UNMOVED:
            self._follow(picture)

    def _change_of_view(self, picture: SmallPicture) -> ViewChange:
        if len(self._halves) < _FEWEST_STEADY:
            return ViewChange.UNKNOWN
        steady = np.median(self._halves, axis=0).astype(np.uint8)
        height, width = steady.shape
        is_covered = picture.is_vehicle[::2, ::2][:height, :width]
        return self._landmarks.compare(steady, is_covered)

    def _follow(self, picture: SmallPicture) -> None:
        step = _FOLLOW_RATIO * (picture.grey - self._followed)
        self._followed += np.where(picture.is_vehicle, 0, step)
        self._looks += 1
        if self._looks % _RENEW_EVERY == 0:
            self.reference = Reference(grey=np.round(self._followed).astype(np.uint8))
            self._landmarks = Landmarks(self.reference)
            self._lens.renew(self.reference)
