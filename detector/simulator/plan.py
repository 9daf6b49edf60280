"""What lies on the ground of a drawn street: kerbs, lanes, a street that crosses, and the marks."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.simulator.planes import Plane, Sheet, bgr, stripe

__all__ = ["WHITE", "YELLOW", "Mark", "Plan", "arrow", "bar", "box", "line", "zebra"]

YELLOW = bgr(60, 178, 226)
WHITE = bgr(222, 226, 226)

_CORNER_M = 5.0
_SETBACK_M = 5.0
_ALONG = 8
"""A pixel covers about so many times more road along the street than across it."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Paint on the road: a colour, and the share of each pixel that it covers."""

    colour: Sheet
    share: Callable[[Plane], Sheet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One street's ground; x and y of the road in metres.

    Attributes:
        lanes_x_m: Middles of the lanes, worn by wheels.
        left_kerb_x_m: The other kerb's face; this side's is at 0.
        marks: In the order they are painted.
        words: Written along the kerb lane, from the driver's seat upwards.
        crossing_y_m: Where a street crosses, from kerb to kerb; None where none does.
        has_sign: Whether the no-stopping sign stands at the kerb.
    """

    lanes_x_m: tuple[float, ...]
    left_kerb_x_m: float
    marks: tuple[Mark, ...]
    words: str = ""
    crossing_y_m: Span | None = None
    has_sign: bool = False

    def on_pavement_m(self, x_m: Sheet, y_m: Sheet) -> Sheet:
        """How far each point lies on the pavement's side of the kerb; 0 or less on the road."""
        beside_m = np.maximum(x_m, np.float32(self.left_kerb_x_m) - x_m)
        if self.crossing_y_m is None:
            return np.asarray(beside_m)
        start_m, end_m = self.crossing_y_m
        along_m = np.maximum(start_m - y_m, y_m - end_m)
        round_m = np.hypot(np.maximum(_CORNER_M - beside_m, 0), np.maximum(_CORNER_M - along_m, 0))
        return np.asarray(np.minimum(np.minimum(beside_m, along_m), _CORNER_M - round_m))

    def is_open(self, y_m: Sheet | float, margin_m: float = _SETBACK_M) -> NDArray[np.bool_]:
        """Whether neither trees nor houses stand at these places along the street."""
        if self.crossing_y_m is None:
            return np.zeros(np.shape(y_m), np.bool_)
        start_m, end_m = self.crossing_y_m
        return np.asarray((y_m > start_m - margin_m) & (y_m < end_m + margin_m))

    def is_before_crossing(self, y_m: Sheet | float) -> NDArray[np.bool_]:
        """Whether houses stand at these places between the camera and the crossing street."""
        if self.crossing_y_m is None:
            return np.zeros(np.shape(y_m), np.bool_)
        return np.asarray((y_m > 0) & (y_m <= self.crossing_y_m[0] - _SETBACK_M))

    @property
    def corner_house_y_m(self) -> float | None:
        """Where the houses beyond the crossing street stand, facing the camera."""
        return None if self.crossing_y_m is None else self.crossing_y_m[1] + _SETBACK_M


def _within(at_m: Sheet, span_m: Span, pixel_m: Sheet) -> Sheet:
    return stripe(at_m, (span_m[0] + span_m[1]) / 2, span_m[1] - span_m[0], pixel_m)


def line(
    x_m: float,
    *,
    width_m: float = 0.13,
    colour: Sheet = WHITE,
    span_y_m: Span | None = None,
    is_dashed: bool = False,
) -> Mark:
    """A line along the street, everywhere or between two places."""

    def share(road: Plane) -> Sheet:
        covered = stripe(road.a_m, x_m, width_m, road.pixel_m)
        if is_dashed:
            covered = stripe(np.mod(road.b_m - 1.5, 6.0), 2.0, 2.4, road.pixel_m * 20) * covered
        if span_y_m is not None:
            covered = covered * _within(road.b_m, span_y_m, road.pixel_m * _ALONG)
        return covered

    return Mark(colour=colour, share=share)


def bar(y_m: float, span_x_m: Span, *, width_m: float = 0.4, is_dashed: bool = False) -> Mark:
    """A line across the street, such as a stop line."""

    def share(road: Plane) -> Sheet:
        covered = _within(road.a_m, span_x_m, road.pixel_m)
        if is_dashed:
            covered = covered * stripe(np.mod(road.a_m, 3.0), 1.5, 1.5, road.pixel_m)
        return covered * stripe(road.b_m, y_m, width_m, road.pixel_m * _ALONG)

    return Mark(colour=WHITE, share=share)


def zebra(span_y_m: Span, span_x_m: Span) -> Mark:
    """The bars of a pedestrian crossing. Source of their width: GB 5768.3-2025, 40 to 45 cm."""

    def share(road: Plane) -> Sheet:
        bars = stripe(np.mod(road.a_m - span_x_m[0], 1.0), 0.5, 0.45, road.pixel_m)
        across = _within(road.a_m, span_x_m, road.pixel_m)
        return bars * across * _within(road.b_m, span_y_m, road.pixel_m * _ALONG)

    return Mark(colour=WHITE, share=share)


def box(span_x_m: Span, span_y_m: Span) -> Mark:
    """A yellow box: keep clear; a frame and a net of crossing lines."""

    def share(road: Plane) -> Sheet:
        x_m, y_m, wide_m = road.a_m, road.b_m, road.pixel_m * 3
        inside = _within(x_m, span_x_m, road.pixel_m) * _within(y_m, span_y_m, wide_m)
        net = np.maximum(
            stripe(np.mod(x_m + y_m, 2.4), 1.2, 0.2, wide_m),
            stripe(np.mod(x_m - y_m, 2.4), 1.2, 0.2, wide_m),
        )
        sides = [stripe(x_m, edge_m, 0.36, road.pixel_m) for edge_m in span_x_m]
        ends = [stripe(y_m, edge_m, 0.36, wide_m) for edge_m in span_y_m]
        frame = np.maximum.reduce([*sides, *ends])
        return np.asarray(inside * np.maximum(net, frame))

    return Mark(colour=YELLOW, share=share)


_STRAIGHT = ((-0.08, 0.0), (0.08, 0.0), (0.08, 3.6), (0.4, 3.6), (0.0, 6.0), (-0.4, 3.6))
_STRAIGHT_END = (-0.08, 3.6)
_LEFTWARDS = ((-0.08, 1.6), (-0.62, 2.7), (-0.62, 2.3), (-1.1, 3.4), (-0.62, 4.4), (-0.62, 3.7))
_LEFTWARDS_END = (-0.08, 2.6)


def arrow(x_m: float, y_m: float, *, is_left: bool = False) -> Mark:
    """An arrow that says where a lane leads: straight on, or left as well."""
    outlines = [np.array([*_STRAIGHT, _STRAIGHT_END])]
    if is_left:
        outlines.append(np.array([*_LEFTWARDS, _LEFTWARDS_END]))
    scale = 40
    canvas = np.zeros((7 * scale, 3 * scale), np.uint8)
    for outline in outlines:
        across = (outline[:, 0] + 1.5) * scale
        up = (6.5 - outline[:, 1]) * scale
        points = np.round(np.column_stack([across, up]) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA, 4)
    ink = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), 1.5)

    def share(road: Plane) -> Sheet:
        u = (road.a_m - np.float32(x_m - 1.5)) * scale
        v = (np.float32(y_m + 6.5) - road.b_m) * scale
        found = cv2.remap(ink, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(found, np.float32) / 255

    return Mark(colour=WHITE, share=share)
