"""What really happens in a staged scene, in the form of the truth files of real clips."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from detector.detection import FloatArray
from detector.simulator.drive import Standing
from detector.simulator.place import RoadZone, ZoneKind
from detector.simulator.stage import Stage
from detector.simulator.vehicle import Lamps, draw_vehicle

__all__ = ["TruthFile", "tell_truth"]

_SHORTEST_WAIT_S = 2.0
_BOX_AFTER_S = 4.0
_SMALLEST_PX = 12.0

Point = tuple[int, int]
Box = tuple[int, int, int, int]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class TruthImage(_Part):
    """Size of the picture in pixels."""

    width: int
    height: int


class TruthZone(_Part):
    """What a person would draw; `direction` is the lawful way in the picture, y down."""

    id: str
    kind: ZoneKind
    polygon: tuple[Point, ...] | None = None
    line: tuple[Point, ...] | None = None
    direction: tuple[float, float] | None = None


class TruthEvent(_Part):
    """What must be found."""

    id: str
    type: str
    start_s: float
    end_s: float
    box: Box
    box_at_s: float
    object: str
    what: str
    certainty: Literal["certain"] = "certain"
    zone: str


class TruthNotEvent(_Part):
    """What must stay silent."""

    id: str
    start_s: float
    end_s: float
    box: Box
    what: str
    certainty: Literal["certain"] = "certain"


class TruthPhase(_Part):
    """What a traffic light shows from and until a second of the clip."""

    state: str
    from_s: float
    to_s: float


class TruthSignal(_Part):
    """One head of a traffic light, with the place of each lamp."""

    id: str
    lamps: dict[str, Point]
    phases: tuple[TruthPhase, ...]


class TruthFault(_Part):
    """Seconds in which the camera's pictures could not be trusted, and why."""

    kind: str
    start_s: float
    end_s: float


class TruthFile(_Part):
    """One clip's truth; written with indent 1, without what is None."""

    file: str
    image: TruthImage
    fps: float
    frames: int
    duration_s: float
    camera: Literal["fixed"] = "fixed"
    scene: str
    conditions: tuple[str, ...]
    zones: tuple[TruthZone, ...]
    signal: tuple[TruthSignal, ...] | None = None
    faults: tuple[TruthFault, ...] | None = None
    events: tuple[TruthEvent, ...]
    not_events: tuple[TruthNotEvent, ...]
    violation_free: bool


def tell_truth(stage: Stage, *, name: str, fps: float, frames: int) -> TruthFile:
    """What happens in the first pictures of a scene, whose clip is called `name`."""
    view, lasts_s = stage.script.place.view, frames / fps
    standings = stage.standings(lasts_s)
    acts = _acting(stage, standings)
    waits = [one for one in standings if one not in acts]
    events = [_event(stage, n, one, lasts_s) for n, one in enumerate(acts, start=1)]
    not_events = [
        found
        for n, one in enumerate(waits, start=1)
        if (found := _not_event(stage, n, one, lasts_s)) is not None
    ]
    chosen = [str(one) for one in stage.conditions.chosen]
    return TruthFile(
        file=f"{name}.mp4",
        image=TruthImage(width=view.width_px, height=view.height_px),
        fps=fps,
        frames=frames,
        duration_s=round(lasts_s, 2),
        scene=name,
        conditions=tuple(chosen or ["day"]),
        zones=tuple(_zone(stage, one) for one in stage.script.place.zones),
        signal=_signals(stage, lasts_s) or None,
        faults=_faults(stage, lasts_s) or None,
        events=tuple(events),
        not_events=tuple(not_events),
        violation_free=not events,
    )


def _acting(stage: Stage, standings: list[Standing]) -> list[Standing]:
    """The longest standing of each vehicle that has an act to answer for."""
    longest: dict[str, Standing] = {}
    for one in standings:
        known = longest.get(one.part.name)
        is_act = one.part.name in stage.script.acts
        if is_act and (known is None or _length_s(one) > _length_s(known)):
            longest[one.part.name] = one
    return list(longest.values())


def _length_s(one: Standing) -> float:
    return float("inf") if one.until_s is None else one.until_s - one.since_s


def _event(stage: Stage, number: int, one: Standing, lasts_s: float) -> TruthEvent:
    act = stage.script.acts[one.part.name]
    end_s = lasts_s if one.until_s is None else one.until_s
    at_s = one.since_s + min(_BOX_AFTER_S, (end_s - one.since_s) / 2)
    box = _box(stage, one, at_s)
    if box is None:
        raise RuntimeError(f"{one.part.name}: nobody is seen standing there")
    return TruthEvent(
        id=f"e{number}",
        type=act.violation_type.value,
        start_s=round(one.since_s, 1),
        end_s=round(end_s, 1),
        box=box,
        box_at_s=round(at_s, 1),
        object=one.part.vehicle.kind,
        what=act.what,
        zone=act.zone_id,
    )


def _not_event(stage: Stage, number: int, one: Standing, lasts_s: float) -> TruthNotEvent | None:
    end_s = lasts_s if one.until_s is None else one.until_s
    if end_s - one.since_s < _SHORTEST_WAIT_S:
        return None
    box = _box(stage, one, one.since_s)
    if box is None:
        return None
    return TruthNotEvent(
        id=f"n{number}",
        start_s=round(one.since_s, 1),
        end_s=round(end_s, 1),
        box=box,
        what=stage.script.waits,
    )


def _box(stage: Stage, one: Standing, at_s: float) -> Box | None:
    """The vehicle's whole box within the picture, hidden parts included; None outside of it."""
    view = stage.script.place.view
    sprite = draw_vehicle(one.part.vehicle, one.pose, Lamps(), view, stage.script.light)
    if sprite is None:
        return None
    box_px = stage.conditions.moved_box_px(sprite.box_px, at_s)
    limit = np.array([view.width_px, view.height_px] * 2)
    left, top, right, bottom = np.clip(box_px, 0, limit).tolist()
    if min(right - left, bottom - top) < _SMALLEST_PX:
        return None
    return round(left), round(top), round(right), round(bottom)


def _zone(stage: Stage, zone: RoadZone) -> TruthZone:
    view = stage.script.place.view
    outline = _points(zone.outline_px(view))
    if zone.kind is ZoneKind.STOP_LINE:
        return TruthZone(id=zone.zone_id, kind=zone.kind, line=outline, direction=(0.0, -1.0))
    direction = None
    if zone.kind is ZoneKind.LANE_DIRECTION:
        x_m, (near_m, far_m) = sum(zone.span_x_m) / 2, zone.span_y_m
        start, end = view.project(np.array([(x_m, near_m, 0.0), (x_m, far_m, 0.0)]))[0]
        ahead = (end - start) / np.hypot(*(end - start))
        direction = (round(float(ahead[0]), 2), round(float(ahead[1]), 2))
    return TruthZone(id=zone.zone_id, kind=zone.kind, polygon=outline, direction=direction)


def _points(points_px: FloatArray) -> tuple[Point, ...]:
    return tuple((round(x), round(y)) for x, y in points_px.tolist())


def _signals(stage: Stage, lasts_s: float) -> tuple[TruthSignal, ...]:
    heads = stage.heads
    if heads is None:
        return ()
    found = []
    for head, signal in enumerate(heads.signals):
        lamps = {
            state: _points(heads.lamp_px(head, state)[None])[0]
            for state in ("red", "amber", "green")
        }
        tenths = range(round(lasts_s * 10))
        states: list[str] = [signal.state(tenth / 10) for tenth in tenths]
        edges = [n for n in tenths if n == 0 or states[n] != states[n - 1]]
        phases = tuple(
            TruthPhase(state=states[start], from_s=start / 10, to_s=end / 10)
            for start, end in zip(edges, [*edges[1:], len(states)], strict=True)
        )
        found.append(TruthSignal(id=f"head-{head + 1}", lamps=lamps, phases=phases))
    return tuple(found)


def _faults(stage: Stage, lasts_s: float) -> tuple[TruthFault, ...]:
    return tuple(
        TruthFault(kind=kind.value, start_s=round(start_s, 1), end_s=round(min(end_s, lasts_s), 1))
        for kind, (start_s, end_s) in stage.conditions.spells.items()
        if start_s < lasts_s
    )
