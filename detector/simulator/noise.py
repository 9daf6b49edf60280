"""What a small network makes of true boxes: misses, jitter, weak confidence, doubles and ghosts.

The numbers were measured, but where a line says otherwise, on boxes that yolo26n (640 px,
confidence from 0.1) gave for thirteen real clips at 5 frames/s. Standing vehicles: seven parked
ones whose true boxes a person had drawn, in two clips, 2,400 looks. Moving vehicles: 370 tracks of
at least eight boxes that crossed their own size, against a parabola through three frames before and
after. Ghosts: boxes that overlap no other box within 0.6 s. Nothing here reads a clock; the same
seed gives the same noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from detector.detection import Detections, FloatArray
from detector.geometry import box_size_px
from detector.perception import VEHICLE_CLASSES
from pipeline.events import VehicleClass

__all__ = ["DetectionNoise", "NoiseProfile", "SeenVehicle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVehicle:
    """A vehicle as it truly is in one picture.

    Attributes:
        vehicle_id: Its number in the scene.
        kind: What it is.
        box_px: Shape (4,), what of it lies in the picture, hidden parts too.
        visible_px: Shape (4,), what is hidden by nothing nearer; all zeros where nothing is.
        hidden_ratio: Share of `box_px` that nearer vehicles hide.
        is_moving: Whether it moves.
        is_cut: Whether the picture's edge cuts it.
    """

    vehicle_id: int
    kind: VehicleClass
    box_px: FloatArray
    visible_px: FloatArray
    hidden_ratio: float
    is_moving: bool
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseProfile:
    """How one vehicle is seen; chances are per frame at 5 frames/s.

    Attributes:
        lose: Chance to be missed in the frame after one in which it was found.
        find: Chance to be found in the frame after one in which it was missed.
        jitter_ratio: Standard deviation of each edge, in sizes of the box.
        slip: Chance that one edge moves away for a while, to a shadow, a neighbour or a part.
        slip_back: Chance that such an edge comes back.
        slip_ratio: How far such an edge moves, in sizes of the box.
        confidence: Mean confidence.
        confidence_std: Its standard deviation.
        double: Chance of a second box on it.
        other_class: Share of frames in which its class is another one.
    """

    lose: float
    find: float
    jitter_ratio: float
    slip: float
    slip_back: float
    slip_ratio: float
    confidence: float
    confidence_std: float
    double: float
    other_class: float


def _profile(*row: float) -> NoiseProfile:
    return NoiseProfile(
        **dict(zip(NoiseProfile.__dataclass_fields__, row, strict=True)),
    )


# One row per parked vehicle; lose, find, jitter, slip, slip back, slip size, confidence, its
# deviation, doubles, other class. Where no miss was seen in 366 frames, `find` is the others' mean.
_STANDING = (
    _profile(0.003, 0.18, 0.005, 0.029, 0.30, 0.38, 0.37, 0.12, 0.27, 0.0),
    _profile(0.094, 0.26, 0.012, 0.0, 1.0, 0.0, 0.15, 0.03, 0.0, 0.03),
    _profile(0.026, 0.43, 0.013, 0.009, 0.31, 0.17, 0.28, 0.09, 0.18, 0.0),
    _profile(0.0, 0.27, 0.009, 0.014, 0.31, 0.20, 0.63, 0.10, 0.003, 0.0),
    _profile(0.003, 0.20, 0.026, 0.272, 0.13, 0.13, 0.27, 0.09, 0.12, 0.0),
    _profile(0.0, 0.27, 0.028, 0.032, 0.29, 0.10, 0.59, 0.11, 0.0, 0.0),
    _profile(0.0, 0.27, 0.020, 0.038, 0.22, 0.15, 0.71, 0.10, 0.01, 0.0),
)
# Confidence: first, fifth and ninth decile of the moving vehicles' means. Misses and jitter: the
# worse, middle and better clips. Slips and doubles of moving vehicles are guesses, not measured.
_MOVING = (
    _profile(0.054, 0.37, 0.022, 0.03, 0.5, 0.10, 0.34, 0.16, 0.02, 0.04),
    _profile(0.036, 0.53, 0.017, 0.02, 0.5, 0.10, 0.49, 0.17, 0.02, 0.02),
    _profile(0.017, 0.69, 0.012, 0.01, 0.5, 0.10, 0.71, 0.14, 0.02, 0.01),
)
# From one frame to the next.
_JITTER_CORRELATION = 0.8
_CONFIDENCE_CORRELATION = 0.75

# The middle of the clips without fast traffic, whose vehicles leave no second box; sizes guessed.
_GHOSTS_PER_FRAME = 0.1
_GHOST_CONFIDENCE_OVER_LEAST = 0.04
_LEAST_CONFIDENCE = 0.1

# Not measured, for nobody drew the hidden: of a vehicle hidden by more than this no box comes; its
# confidence falls with what is hidden.
_UNSEEN_FROM_RATIO = 0.7
_CUT_FROM_RATIO = 0.15
_DOUBLE_SHARE = (0.45, 0.7)
_LEAST_BOX_PX = 5.0

_OTHERS = {
    VehicleClass.CAR: VehicleClass.TRUCK,
    VehicleClass.TRUCK: VehicleClass.BUS,
    VehicleClass.BUS: VehicleClass.TRUCK,
    VehicleClass.MOTORCYCLE: VehicleClass.BICYCLE,
    VehicleClass.BICYCLE: VehicleClass.MOTORCYCLE,
    VehicleClass.VEHICLE: VehicleClass.CAR,
}

_Row = tuple[FloatArray, float, VehicleClass]


@dataclass(slots=True)
class _Sight:
    """How one vehicle is seen just now; edges and confidence in standard deviations."""

    standing: NoiseProfile
    moving: NoiseProfile
    is_lost: bool = False
    edges: FloatArray = field(default_factory=lambda: np.zeros(4))
    certainty: float = 0.0
    slipped: FloatArray = field(default_factory=lambda: np.zeros(4))


class DetectionNoise:
    """Turns the true vehicles of one camera's frames into detections, frame after frame."""

    def __init__(
        self, seed: int, *, width_px: int, height_px: int, standing: NoiseProfile | None = None
    ) -> None:
        """Begin with nobody known; all stand as `standing` says, or each as one of those measured.

        A vehicle keeps its two profiles, standing and moving, for as long as it lives.
        """
        self._rng = np.random.default_rng([seed, 0x6E6F6973])
        self._edges_px = np.array([width_px, height_px, width_px, height_px], np.float64)
        self._standing = _STANDING if standing is None else (standing,)
        self._sights: dict[int, _Sight] = {}

    def detect(self, vehicles: Sequence[SeenVehicle]) -> Detections:
        """The detections of the next frame, in which these vehicles are."""
        present = {one.vehicle_id for one in vehicles}
        self._sights = {i: sight for i, sight in self._sights.items() if i in present}
        rows: list[_Row] = []
        for vehicle in vehicles:
            rows += self._see(vehicle)
        rows += [self._ghost() for _ in range(self._rng.poisson(_GHOSTS_PER_FRAME))]
        return Detections(
            xyxy_px=np.array([row[0] for row in rows], np.float64).reshape(-1, 4),
            confidence=np.array([row[1] for row in rows], np.float64),
            class_id=np.array([VEHICLE_CLASSES.index(row[2]) for row in rows], np.int64),
        )

    def _see(self, vehicle: SeenVehicle) -> list[_Row]:
        sight = self._sights.get(vehicle.vehicle_id) or self._first_sight(vehicle)
        profile = sight.moving if vehicle.is_moving else sight.standing
        self._advance(sight, profile)
        if sight.is_lost or vehicle.hidden_ratio > _UNSEEN_FROM_RATIO:
            return []
        truth = vehicle.box_px if vehicle.hidden_ratio < _CUT_FROM_RATIO else vehicle.visible_px
        offsets = sight.edges * profile.jitter_ratio + sight.slipped
        box = np.clip(truth + offsets * box_size_px(truth), 0, self._edges_px)
        raw = profile.confidence + profile.confidence_std * sight.certainty
        # Looks that were too weak are among the measured misses already.
        confidence = float(np.clip(raw, _LEAST_CONFIDENCE, 0.95)) * (1 - vehicle.hidden_ratio)
        is_small = min(box[2] - box[0], box[3] - box[1]) < _LEAST_BOX_PX
        if is_small or confidence < _LEAST_CONFIDENCE:
            return []
        is_other = self._rng.random() < profile.other_class
        kind = _OTHERS[vehicle.kind] if is_other else vehicle.kind
        rows = [(box, confidence, kind)]
        if self._rng.random() < profile.double:
            rows.append((self._part_of(box), max(_LEAST_CONFIDENCE, 0.6 * confidence), kind))
        return rows

    def _first_sight(self, vehicle: SeenVehicle) -> _Sight:
        sight = _Sight(
            standing=self._standing[self._rng.integers(len(self._standing))],
            moving=_MOVING[self._rng.integers(len(_MOVING))],
            edges=self._rng.standard_normal(4),
            certainty=float(self._rng.standard_normal()),
        )
        self._sights[vehicle.vehicle_id] = sight
        return sight

    def _advance(self, sight: _Sight, profile: NoiseProfile) -> None:
        rng = self._rng
        chance = profile.find if sight.is_lost else profile.lose
        sight.is_lost ^= bool(rng.random() < chance)
        sight.edges = _correlated(sight.edges, rng.standard_normal(4), _JITTER_CORRELATION)
        news = rng.standard_normal(1)
        sight.certainty = float(
            _correlated(np.array([sight.certainty]), news, _CONFIDENCE_CORRELATION)[0]
        )
        if sight.slipped.any():
            if rng.random() < profile.slip_back:
                sight.slipped = np.zeros(4)
        elif rng.random() < profile.slip:
            sight.slipped = np.zeros(4)
            sight.slipped[rng.integers(4)] = profile.slip_ratio * rng.choice([-1.0, 1.0])

    def _part_of(self, box: FloatArray) -> FloatArray:
        """A second box on a part of the vehicle, as networks find cabs and fronts."""
        share = self._rng.uniform(*_DOUBLE_SHARE)
        part = box.copy()
        axis = int(self._rng.integers(2))
        part[axis] = box[axis + 2] - share * (box[axis + 2] - box[axis])
        return part

    def _ghost(self) -> _Row:
        width, height = self._edges_px[:2]
        side = self._rng.uniform(0.04, 0.12) * width
        corner = self._rng.uniform(0, [width - side, height - side])
        over = float(self._rng.exponential(_GHOST_CONFIDENCE_OVER_LEAST))
        box = np.concatenate([corner, corner + side])
        return box, _LEAST_CONFIDENCE + over, VehicleClass.CAR


def _correlated(before: FloatArray, news: FloatArray, correlation: float) -> FloatArray:
    after: FloatArray = correlation * before + np.sqrt(1 - correlation**2) * news
    return after
