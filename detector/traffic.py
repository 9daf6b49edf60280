"""How traffic flows through one camera's picture: where vehicles drive, and who passes whom.

A place that vehicles drive over is a lane, whatever is painted on it. One who stands beside all
lanes does not wait in traffic; one who stands in a lane may. Two-wheelers ride between and beside
waiting cars and say nothing about lanes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from detector.geometry import FloatArray, box_size_px, ground_point, iou
from detector.perception import VEHICLE_CLASSES
from detector.tracking import TrackedDetections
from pipeline.events import VehicleClass

__all__ = ["Counts", "Drive", "FlowMap", "Passing", "PlaceFlow", "Traffic"]

Counts = NDArray[np.float32]
Mask = NDArray[np.bool_]

_CELLS = 96
_HALF_LIFE = timedelta(minutes=30)
_CORE_WIDTH_RATIO = 0.4
_CORE_HEIGHT_RATIO = 0.2

# A step of a drive, in sizes of the vehicle: boxes jitter by less. Who has come no farther than
# this from where it was first seen has not driven.
_STEP_SIZES = 0.25
_DRIVEN_SIZES = 2.0
_HEADING_SIZES = 0.5
_SWEEP_SIZES = 0.3
_ENDED_AFTER = timedelta(seconds=4)
_KEPT_FOR = timedelta(seconds=10)
_STOOD_FOR = timedelta(seconds=2)
_TWO_WHEELED = frozenset({VehicleClass.MOTORCYCLE, VehicleClass.BICYCLE})

# Two lanes aside, in sizes of the smaller of the two: they are at the same distance.
_BESIDE_SIZES = 2.5
_FREE_SIZES = 4.0
_TAKEN_IOU = 0.1
_AT_IOU = 0.5


class FlowMap:
    """How many vehicles drove over each cell of the picture lately; older ones fade.

    Attributes:
        counts: Shape (rows, columns) of square cells.
    """

    counts: Counts

    def __init__(self, width_px: int, height_px: int, counts: Counts | None = None) -> None:
        """Begin without traffic, or go on with `counts` of a picture of the same form."""
        self._cell_px = width_px / _CELLS
        shape = (max(1, int(np.ceil(height_px / self._cell_px))), _CELLS)
        if counts is not None and counts.shape != shape:
            counts = None
        self.counts = np.zeros(shape, np.float32) if counts is None else counts

    def fade(self, elapsed: timedelta) -> None:
        """Let what was counted fade with time."""
        self.counts = self.counts * _fading(elapsed)

    def core(self, xyxy_px: FloatArray) -> tuple[slice, slice]:
        """The cells under the middle of a vehicle's footprint (box of shape (4,)), at least one."""
        return self._under(xyxy_px, _CORE_WIDTH_RATIO, _CORE_HEIGHT_RATIO)

    def footprint(self, xyxy_px: FloatArray) -> tuple[slice, slice]:
        """The cells under a vehicle (box of shape (4,)), at least one."""
        return self._under(xyxy_px, 1.0, 2 * _CORE_HEIGHT_RATIO)

    def _under(
        self, xyxy_px: FloatArray, width_ratio: float, height_ratio: float
    ) -> tuple[slice, slice]:
        x, y = ground_point(xyxy_px)
        width_px = width_ratio * float(xyxy_px[2] - xyxy_px[0])
        height_px = height_ratio * float(xyxy_px[3] - xyxy_px[1])
        rows, columns = self.counts.shape
        return (
            self._cells(y - height_px, y, rows),
            self._cells(x - width_px / 2, x + width_px / 2, columns),
        )

    def _cells(self, low_px: float, high_px: float, cells: int) -> slice:
        first = min(max(int(low_px / self._cell_px), 0), cells - 1)
        last = min(max(int(np.ceil(high_px / self._cell_px)), first + 1), cells)
        return slice(first, last)


@dataclass(slots=True, kw_only=True, eq=False)
class Drive:
    """One tracked vehicle's way through the picture.

    Attributes:
        boxes: Its boxes, shape (4,) each, at steps of a quarter of its size.
        mask: The cells it drove over.
        began_at: When it was seen first.
        seen_at: When it was seen last.
        stepped_at: When it made its last step.
        stood_at_first: Whether it stood for a while before it drove.
        has_stepped: Whether it has moved by a step since the last frame.
        has_driven: Whether it truly came from one place to another.
        counted_at: When it ended and became part of the flow; None before.
        parked_px: Where it parked, shape (4,): its way makes no lane of that place; None elsewhere.
    """

    boxes: list[FloatArray]
    mask: Mask
    began_at: datetime
    seen_at: datetime
    stepped_at: datetime
    stood_at_first: bool = False
    parked_px: FloatArray | None = None
    has_stepped: bool = False
    has_driven: bool = False
    counted_at: datetime | None = None

    def take(self, box_px: FloatArray, now: datetime) -> None:
        """Go on to a box (shape (4,)); it has driven once it came truly from place to place."""
        if len(self.boxes) == 1:
            self.stood_at_first = now - self.began_at >= _STOOD_FOR
        self.stepped_at = now
        self.boxes.append(box_px)
        driven_px = _distance_px(self.boxes[0], box_px)
        self.has_driven |= driven_px >= _DRIVEN_SIZES * box_size_px(box_px)

    def heading(self) -> FloatArray | None:
        """Unit vector of its last motion, shape (2,); None when it has hardly moved."""
        last = self.boxes[-1]
        far_px = _HEADING_SIZES * box_size_px(last)
        before = next((b for b in reversed(self.boxes) if _distance_px(b, last) >= far_px), None)
        if before is None:
            return None
        return _unit(np.subtract(ground_point(last), ground_point(before)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """One vehicle that drove past a standing one.

    Attributes:
        drive: Its way, which may go on.
        step: The position in the way's boxes where it was level with the standing one.
        direction: Shape (2,), unit vector of its motion there.
    """

    drive: Drive
    step: int
    direction: FloatArray

    @property
    def box_px(self) -> FloatArray:
        """Its box there, shape (4,)."""
        return self.drive.boxes[self.step]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFlow:
    """What the flow says of a standing vehicle's place; numbers are vehicles.

    Attributes:
        over: How many drove over it.
        in_line: How many drove over what lies before or behind it, as far as it is free, in the
            direction of those who pass: the fuller of the two; None when neither can be seen.
        beside: How many drove where those who pass do.
        on_its_way: How many others drove over the last of the way by which it came; None when that
            was not seen.
        ahead: How many drove over the places of those who stand before it: the fullest of them.
    """

    over: float = 0.0
    in_line: float | None = None
    beside: float = 0.0
    on_its_way: float | None = None
    ahead: float = 0.0


class Traffic:
    """The moving vehicles of one camera."""

    def __init__(self, flow: FlowMap, known_at: datetime | None = None) -> None:
        """Add to `flow`, which was known at an instant."""
        self.flow = flow
        self._drives: dict[int, Drive] = {}
        self._ended: list[Drive] = []
        self._stepping: list[Drive] = []
        self._followed_at = known_at

    def follow(self, tracked: TrackedDetections, now: datetime) -> None:
        """Take the vehicles of the next frame."""
        if self._followed_at is not None:
            self.flow.fade(max(now - self._followed_at, timedelta(0)))
        self._followed_at = now
        kinds = [VEHICLE_CLASSES[kind] for kind in tracked.detections.class_id.tolist()]
        for row, track_id in enumerate(tracked.track_id.tolist()):
            if track_id >= 0 and kinds[row] not in _TWO_WHEELED:
                self._step(track_id, tracked.detections.xyxy_px[row], now)
        for track_id, drive in tuple(self._drives.items()):
            drive.has_stepped &= drive.seen_at == now
            if now - drive.seen_at > _ENDED_AFTER:
                self._end(track_id)
        self._ended = [one for one in self._ended if now - one.seen_at <= _KEPT_FOR]
        self._stepping = [d for d in self._drives.values() if d.has_stepped and d.has_driven]

    def passings(self, places_px: FloatArray) -> list[list[Passing]]:
        """For each of the places (shape (n, 4)), who came level with it since the last frame."""
        found: list[list[Passing]] = [[] for _ in places_px]
        if not (self._stepping and len(places_px)):
            return found
        latest = np.array([drive.boxes[-2:] for drive in self._stepping])
        before, after = _grounds(latest[:, 0]), _grounds(latest[:, 1])
        steps = after - before
        directions = steps / np.hypot(steps[:, 0], steps[:, 1])[:, None]
        grounds = _grounds(places_px)[:, None]
        along_before = ((grounds - before) * directions).sum(-1)
        along_after = ((grounds - after) * directions).sum(-1)
        away = grounds - after
        aside_px = np.abs(directions[:, 0] * away[..., 1] - directions[:, 1] * away[..., 0])
        size_px = np.minimum(_sizes(places_px)[:, None], _sizes(latest[:, 1]))
        is_level = (along_before > 0) & (along_after <= 0)
        for place, row in np.argwhere(is_level & (aside_px <= _BESIDE_SIZES * size_px)).tolist():
            drive = self._stepping[row]
            step = len(drive.boxes) - 1
            found[place].append(Passing(drive=drive, step=step, direction=directions[row]))
        return found

    def parked(self, drives: Iterable[Drive], place_px: FloatArray) -> None:
        """Note that one who came by some ways parked in a box of shape (4,)."""
        for drive in drives:
            drive.parked_px = place_px

    def drive(self, track_id: int) -> Drive | None:
        """The way of a track through the picture, which may go on."""
        return self._drives.get(track_id)

    def arrivals(self, place_px: FloatArray) -> list[Drive]:
        """The ways that lately led to a place (box of shape (4,)): its track may have been lost."""
        drives = (*self._ended, *self._drives.values())
        return [one for one in drives if _is_at(one.boxes[-1], place_px)]

    def place_flow(
        self,
        place_px: FloatArray,
        passings: Sequence[Passing],
        *,
        standing_px: FloatArray,
        ahead_px: Sequence[FloatArray] = (),
        own: Sequence[Drive],
    ) -> PlaceFlow:
        """What the flow says of a place.

        Args:
            place_px: Shape (4,), where somebody stands.
            passings: Some of those who drove past it.
            standing_px: Shape (n, 4), all who stand in the picture.
            ahead_px: Shape (4,) each, those of them who stand before it.
            own: The ways of the one who stands there, which do not count.
        """
        counts = self.counts_without(own)
        for drive in self._drives.values():
            if drive.has_driven and drive not in own:
                counts += self._lane(drive)
        driven = []
        for is_ahead in (True, False):
            lines = [_free_line(place_px, one, standing_px, is_ahead=is_ahead) for one in passings]
            driven.append([self._over(counts, line) for line in lines if len(line)])
        on_its_way = [self._over(counts, [box]) for box in _way_to(place_px, own)]
        return PlaceFlow(
            over=self._over(counts, [place_px]),
            in_line=max((_middle(line) for line in driven if line), default=None),
            beside=_middle([self._over(counts, [one.box_px]) for one in passings]),
            on_its_way=_middle(on_its_way) if on_its_way else None,
            ahead=self._over(counts, ahead_px),
        )

    def counts_without(self, own: Iterable[Drive]) -> Counts:
        """The flow of those who have ended, less the ways of `own`, as far as they fade."""
        counts = self.flow.counts.copy()
        for drive in own:
            if drive.counted_at is not None and self._followed_at is not None:
                counts -= drive.mask * _fading(self._followed_at - drive.counted_at)
        return np.maximum(counts, 0)

    def _over(self, counts: Counts, boxes: Iterable[FloatArray]) -> float:
        """The most vehicles that drove over one of the boxes."""
        return max((float(np.median(counts[self.flow.core(box)])) for box in boxes), default=0.0)

    def _step(self, track_id: int, box: FloatArray, now: datetime) -> None:
        drive = self._drives.get(track_id)
        if drive is None:
            mask = np.zeros(self.flow.counts.shape, np.bool_)
            self._drives[track_id] = Drive(
                boxes=[box], mask=mask, began_at=now, seen_at=now, stepped_at=now
            )
            return
        last, size_px = drive.boxes[-1], box_size_px(box)
        step_px = _distance_px(last, box)
        drive.seen_at, drive.has_stepped = now, step_px >= _STEP_SIZES * size_px
        if not drive.has_stepped:
            return
        for share in np.linspace(0, 1, 1 + int(np.ceil(step_px / (_SWEEP_SIZES * size_px)))):
            drive.mask[self.flow.core(last + share * (box - last))] = True
        drive.take(box, now)

    def _lane(self, drive: Drive) -> Mask:
        """The cells that it drove over, without those that it parked on or stood on at first."""
        lane = drive.mask.copy()
        if drive.parked_px is not None:
            lane[self.flow.footprint(drive.parked_px)] = False
        if drive.stood_at_first:
            lane[self.flow.footprint(drive.boxes[0])] = False
        return lane

    def _end(self, track_id: int) -> None:
        drive = self._drives.pop(track_id)
        if drive.has_driven:
            drive.mask = self._lane(drive)
            if drive.seen_at - drive.stepped_at >= _STOOD_FOR:
                # Lost where it stood: nobody saw that it drove through.
                drive.mask[self.flow.footprint(drive.boxes[-1])] = False
            self.flow.counts = self.flow.counts + drive.mask
            drive.counted_at = self._followed_at
        self._ended.append(drive)


def _fading(elapsed: timedelta) -> np.float32:
    return np.float32(0.5 ** (elapsed / _HALF_LIFE))


def _free_line(
    place_px: FloatArray, passing: Passing, standing_px: FloatArray, *, is_ahead: bool
) -> FloatArray:
    """Where the standing one would be, had it driven on, or as it came, beside the passing one.

    What others stand on is left out: nobody can drive there now. The place is carried along with
    the passing one, and grows and shrinks with it.
    """
    boxes, step = passing.drive.boxes, passing.step
    way = np.array(boxes[step:] if is_ahead else boxes[step::-1])
    grounds, sizes = _grounds(way), _sizes(way)
    scale = (sizes / sizes[0])[:, None]
    ground = np.array(ground_point(place_px))
    moved = grounds + scale * (ground - grounds[0])
    line = np.tile(moved, 2) + scale * (place_px - np.tile(ground, 2))
    taken = (iou(line[:, None], standing_px[None]) >= _TAKEN_IOU).any(1) | (iou(line, place_px) > 0)
    steps_sizes = np.hypot(*np.diff(grounds, axis=0, prepend=grounds[:1]).T) / sizes
    free_sizes = np.cumsum(np.where(taken, 0, steps_sizes))
    free: FloatArray = line[~taken & (free_sizes <= _FREE_SIZES)]
    return free


def _way_to(place_px: FloatArray, own: Sequence[Drive]) -> list[FloatArray]:
    """Where it drove shortly before it came to its place, boxes of shape (4,)."""
    return [
        box
        for drive in own
        for box in drive.boxes
        if 1 <= _distance_px(box, place_px) / box_size_px(box) <= _FREE_SIZES
    ]


def _is_at(box_px: FloatArray, place_px: FloatArray) -> bool:
    return float(iou(box_px, place_px)) >= _AT_IOU


def _grounds(boxes_px: FloatArray) -> FloatArray:
    """The ground points, shape (n, 2), of boxes of shape (n, 4)."""
    return np.array([ground_point(box) for box in boxes_px]).reshape(-1, 2)


def _sizes(boxes_px: FloatArray) -> FloatArray:
    return np.array([box_size_px(box) for box in boxes_px])


def _distance_px(first_px: FloatArray, second_px: FloatArray) -> float:
    return float(np.hypot(*np.subtract(ground_point(first_px), ground_point(second_px))))


def _unit(vector: FloatArray) -> FloatArray:
    unit: FloatArray = vector / max(float(np.hypot(*vector)), 1e-9)
    return unit


def _middle(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 0.0
