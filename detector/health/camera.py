"""The health of one camera: each fault is said once it lasts and taken back once it is over."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from detector.geometry import FloatArray, ImageArray
from detector.health.comparison import Comparison
from detector.health.limits import blinds
from detector.health.picture import SmallPicture
from detector.health.reference import Reference
from pipeline.events import CameraFault

__all__ = ["CameraHealth"]

_COMPARE_EVERY = timedelta(seconds=1)
_COMPARE_STILL_EVERY = timedelta(seconds=5)
# After a change it takes some looks until all faults that came with it are told.
_STILL_AFTER = timedelta(seconds=15)
_LEARNED_FROM = 6
# After a gap only this much of it counts as seen.
_LONGEST_STEP_S = 2.0
# Share of the picture that is white; of that which is known to be darker, less is enough.
_DAZZLED_RATIO = 0.5
_NEWLY_DAZZLED_RATIO = 0.08
# Source: GA/T 832-2014, 3.2.
_CLOCK_ERROR = timedelta(seconds=1)
# Source: IEC 62676-4, "recognise": 125 pixels a metre; a plate is 0.44 m wide.
_LEGIBLE_PLATE_PX = 55.0
_PLATES_KEPT = 100
_FEWEST_PLATES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patience:
    """Seconds of camera time that a sign must last, and be gone, before it counts."""

    lasts_s: float
    gone_s: float


_PATIENCE = {
    CameraFault.VIEW_MOVED: _Patience(lasts_s=5, gone_s=10),
    CameraFault.LENS_DIRTY: _Patience(lasts_s=2, gone_s=10),
    CameraFault.DAZZLED: _Patience(lasts_s=2, gone_s=5),
    CameraFault.FROZEN: _Patience(lasts_s=2, gone_s=1),
    CameraFault.TOO_DARK: _Patience(lasts_s=3, gone_s=5),
    CameraFault.CLOCK_WRONG: _Patience(lasts_s=5, gone_s=10),
    CameraFault.PLATE_TOO_SMALL: _Patience(lasts_s=5, gone_s=5),
}


class _Watch:
    """Whether one fault is in force."""

    def __init__(self, patience: _Patience) -> None:
        self._patience = patience
        self._lasts_s = 0.0
        self.is_said = False

    def update(self, step_s: float, *, has_sign: bool) -> None:
        """Go on by some seconds; what speaks against the present state adds up, else is dropped."""
        self._lasts_s = self._lasts_s + step_s if has_sign is not self.is_said else 0.0
        limit_s = self._patience.gone_s if self.is_said else self._patience.lasts_s
        if self._lasts_s >= limit_s and has_sign is not self.is_said:
            self.is_said, self._lasts_s = has_sign, 0.0


class CameraHealth:
    """Judges the frames of one camera, in the order of their capture.

    A camera without a `reference` learns one from its first good seconds; until then it cannot be
    said to have moved, nor to be dirty.
    """

    def __init__(self, reference: Reference | None = None) -> None:
        """Go on with what the camera saw when it stood as it should."""
        self._comparison = Comparison(reference) if reference is not None else None
        self._first: list[SmallPicture] = []
        self._compared_at: datetime | None = None
        self._watches = {fault: _Watch(patience) for fault, patience in _PATIENCE.items()}
        self._signs: frozenset[CameraFault] = frozenset()
        self._last: SmallPicture | None = None
        self._at: datetime | None = None
        self._plates_px: deque[float] = deque(maxlen=_PLATES_KEPT)

    @property
    def reference(self) -> Reference | None:
        """What the view is held against; None while it is learned. Changes about once a minute."""
        return self._comparison.reference if self._comparison is not None else None

    @property
    def faults(self) -> frozenset[CameraFault]:
        """The faults in force."""
        return frozenset(fault for fault, watch in self._watches.items() if watch.is_said)

    @property
    def is_doubtful(self) -> bool:
        """Whether this moment should not count as observed.

        A blinding fault is in force, or the latest frame bears the sign of one that may begin.
        """
        return blinds(self.faults | self._signs)

    def look(
        self,
        image: ImageArray,
        at: datetime,
        *,
        boxes_px: FloatArray,
        received_at: datetime | None = None,
        plate_widths_px: Sequence[float] = (),
        changed_at: datetime | None = None,
    ) -> frozenset[CameraFault]:
        """Judge one frame and return the faults in force.

        Args:
            image: The frame as captured.
            at: When it was captured, by the camera's clock.
            boxes_px: The vehicles found in it, shape (n, 4); they are left out of comparisons.
            received_at: When it came, by this machine's clock; None for recordings.
            plate_widths_px: How wide the plates of the vehicles in the zones are about, as a
                quarter of a vehicle's box: 0.44 m of 1.8 m.
            changed_at: Since when it differs from others by noise alone, where that is known; it
                need not be compared as often then.
        """
        picture = SmallPicture.of(image, boxes_px)
        self._fit_to(picture)
        step_s = 0.0 if self._at is None else (at - self._at).total_seconds()
        step_s = min(max(step_s, 0.0), _LONGEST_STEP_S)
        self._plates_px.extend(plate_widths_px)
        signs = self._signs_of(picture)
        if received_at is not None and abs(received_at - at) > _CLOCK_ERROR:
            signs.add(CameraFault.CLOCK_WRONG)
        is_still = changed_at is not None and at - changed_at >= _STILL_AFTER
        every = _COMPARE_STILL_EVERY if is_still and self._comparison else _COMPARE_EVERY
        if self._compared_at is None or not timedelta() <= at - self._compared_at < every:
            self._compared_at = at
            self._compare(picture, is_good=not blinds(signs))
        if self._comparison is not None:
            signs |= self._comparison.signs
        for fault, watch in self._watches.items():
            watch.update(step_s, has_sign=fault in signs)
        self._signs, self._last, self._at = frozenset(signs), picture, at
        return self.faults

    def _fit_to(self, picture: SmallPicture) -> None:
        """Begin anew when the pictures have another shape, as after a change of the stream."""
        reference = self.reference
        if reference is not None and reference.grey.shape != picture.grey.shape:
            self._comparison = None
        self._first = [one for one in self._first if one.grey.shape == picture.grey.shape]

    def _signs_of(self, picture: SmallPicture) -> set[CameraFault]:
        """What is wrong with this picture by itself and next to the one before it."""
        is_still = self._last is not None and np.array_equal(self._last.probe, picture.probe)
        found = {
            CameraFault.FROZEN: is_still,
            CameraFault.TOO_DARK: picture.is_too_dark(),
            CameraFault.DAZZLED: self._is_dazzled(picture),
            CameraFault.PLATE_TOO_SMALL: self._has_small_plates(),
        }
        return {fault for fault, is_there in found.items() if is_there}

    def _is_dazzled(self, picture: SmallPicture) -> bool:
        if self._comparison is None:
            return picture.white_ratio() >= _DAZZLED_RATIO
        return picture.white_ratio(self._comparison.is_bright) >= _NEWLY_DAZZLED_RATIO

    def _has_small_plates(self) -> bool:
        is_enough = len(self._plates_px) >= _FEWEST_PLATES
        return is_enough and float(np.median(self._plates_px)) < _LEGIBLE_PLATE_PX

    def _compare(self, picture: SmallPicture, *, is_good: bool) -> None:
        if not is_good:
            return
        if self._comparison is not None:
            self._comparison.look(picture)
            return
        self._first.append(picture)
        if len(self._first) == _LEARNED_FROM:
            grey = np.median([one.grey for one in self._first], axis=0).astype(np.uint8)
            self._comparison = Comparison(Reference(grey=grey))
            self._first = []
