"""What sits on a vehicle's skin: glass, lamps, bumpers, seams, wheels, mirrors."""

from typing import Literal

import numpy as np

from detector.detection import FloatArray
from detector.simulator.form import Form
from detector.simulator.shell import Faces, Lamp, Look, Shell

__all__ = ["Fitter", "add_below", "add_front", "add_glass", "add_rear", "add_sides"]

Side = Literal["rear", "front", "left", "right"]
Span = tuple[float, float, float]
"""Height share, then the two ends: x on rear and front, y on the sides."""

_DULL = Look((26.0, 26.0, 27.0))
_SEAM = Look((38.0, 38.0, 40.0))
_CHROME = Look((150.0, 150.0, 152.0), 0.25)
_TYRE = Look((32.0, 31.0, 31.0))
_ARCH = Look((16.0, 16.0, 17.0))
_FLOOR = Look((18.0, 18.0, 18.0))
_RIM = Look((134.0, 135.0, 137.0), 0.1)
_SPOKE_GAP = Look((44.0, 44.0, 46.0))
_LENS = Look((28.0, 22.0, 92.0), 0.06, Lamp.TAIL)
_STOP_BAR = Look((44.0, 34.0, 172.0), 0.05, Lamp.BRAKE)
_REFLECTOR = Look((30.0, 24.0, 124.0), 0.05)
_AMBER = (70.0, 112.0, 190.0)
_RECESS = Look((44.0, 44.0, 46.0))
_MIRROR = Look((255.0, 248.0, 240.0))
_HEADLAMP = Look((214.0, 214.0, 208.0), 0.25, Lamp.HEAD)


def _glass(share: float) -> Look:
    """Glass that shows the dim inside below and the sky above."""
    low, high = np.array((30.0, 27.0, 25.0)), np.array((88.0, 78.0, 70.0))
    tone = low + (high - low) * share**1.6
    return Look((float(tone[0]), float(tone[1]), float(tone[2])), 0.10)


class Fitter:
    """Puts panels on one shell."""

    def __init__(self, faces: Faces, shell: Shell) -> None:
        self.faces = faces
        self.shell = shell
        self.form = shell.form

    def place(self, side: Side, at_m: FloatArray, v: float) -> FloatArray:
        """Points just above the skin, shape (n, 3), at ends `at_m` and height share `v`."""
        if side in {"rear", "front"}:
            is_rear = side == "rear"
            skin_y = self.shell.rear(at_m, v) if is_rear else self.shell.front(at_m, v)
            y_m = skin_y + (-0.006 if is_rear else 0.006)
            return np.column_stack([at_m, y_m, self.shell.z_m(y_m, v)])
        half_m, rear_m, front_m = self.shell.at(v)
        bend_x_m, bend_y_m = self.shell.corner_m
        from_end = np.minimum(at_m - rear_m, front_m - at_m)
        tuck_m = np.clip(1 - from_end / bend_y_m, 0, 1) ** 2 * bend_x_m * 0.45
        x_m = (half_m - tuck_m + 0.006) * (1 if side == "right" else -1)
        return np.column_stack([x_m, at_m, self.shell.z_m(at_m, v)])

    def panel(self, side: Side, low: Span, high: Span, look: Look) -> None:
        """One panel with slightly rounded corners between two heights."""
        left, right = [], []
        for share in (0.0, 0.04, 0.12, 0.5, 0.88, 0.96, 1.0):
            v, start, end = (a + (b - a) * share for a, b in zip(low, high, strict=True))
            inset = min(0.07 * (end - start), 0.05) * abs(2 * share - 1) ** 12
            left.append(self.place(side, np.array([start + inset]), v))
            right.append(self.place(side, np.array([end - inset]), v))
        edges = [
            self.place(side, np.linspace(span[1], span[2], 7)[1:-1], span[0])
            for span in (low, high)
        ]
        outline = np.concatenate([*left, edges[1], *right[::-1], edges[0][::-1]])
        self.faces.add(outline, np.array([0.0, self.form.length_m / 2, 0.6]), look)

    def window(self, side: Side, low: Span, high: Span, bands: int) -> None:
        """A pane: a frame's dark edge, the pane, then brighter bands towards its top."""
        self.panel(side, low, high, Look((14.0, 14.0, 14.0)))
        for band in range(bands):
            bottom, top = 0.02 + 0.96 * band / bands, 0.98
            spans = []
            for share in (bottom, top):
                v, start, end = (a + (b - a) * share for a, b in zip(low, high, strict=True))
                edge = 0.018 * (end - start)
                spans.append((v, start + edge, end - edge))
            self.panel(side, spans[0], spans[1], _glass((band + 0.5) / bands))


def add_glass(fitter: Fitter, *, is_coarse: bool) -> None:
    """Rear window, windscreen and two windows on each side; head rests behind the rear one."""
    form = fitter.form
    low_m, high_m = form.width_m * 0.40, form.width_m * (form.roof_ratio / 2 - 0.055)
    low_v = 0.10 if form.cabin_y_m[0] > 0.3 else 0.16
    bands = 2 if is_coarse else 7
    ends: tuple[Side, Side] = ("rear", "front")
    for side in ends:
        fitter.window(side, (low_v, -low_m, low_m), (0.88, -high_m, high_m), bands)
    if not is_coarse and form.side_panes == 2:
        for x_m in (-0.42, 0.42):
            rest = Look((24.0, 22.0, 21.0), 0.08)
            fitter.panel(
                "rear", (low_v + 0.04, x_m - 0.15, x_m + 0.15), (0.52, x_m - 0.10, x_m + 0.10), rest
            )
        wiper = Look((18.0, 18.0, 18.0))
        fitter.panel("rear", (low_v + 0.02, -0.30, 0.03), (low_v + 0.05, -0.30, 0.03), wiper)
    for side in ("left", "right"):
        for foot, head in _side_panes(form):
            fitter.window(side, (0.10, *foot), (0.84, *head), 1 if is_coarse else 3)


def _side_panes(form: Form) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Ends of each window at its foot and at its head, along the vehicle."""
    rear_foot, rear_roof, front_roof, front_foot = form.cabin_y_m
    foot, head = (rear_foot + 0.34, front_foot - 0.42), (rear_roof + 0.22, front_roof - 0.12)
    if form.side_panes == 2:
        middle = (rear_roof + front_roof) / 2 + 0.15
        posts = [middle]
    else:
        posts = np.linspace(*foot, form.side_panes + 1)[1:-1].tolist()
    starts = [(foot[0], head[0]), *((post + 0.05, post + 0.05) for post in posts)]
    ends = [*((post - 0.05, post - 0.05) for post in posts), (foot[1], head[1])]
    return [((a, b), (c, d)) for (a, c), (b, d) in zip(starts, ends, strict=True)]


def add_rear(fitter: Fitter, *, is_coarse: bool) -> None:
    """Bumper, lamps, plate recess and badge."""
    form = fitter.form
    half = form.width_m / 2
    fitter.panel("rear", (0.02, -half * 0.86, half * 0.86), (0.16, -half * 0.9, half * 0.9), _DULL)
    for side in (-1, 1):
        _add_rear_lamps(fitter, side, half, is_coarse=is_coarse)
    v = (form.plate_z_m - form.sill_z_m) / (form.tail_z_m - form.sill_z_m)
    span = 0.11 / (form.tail_z_m - form.sill_z_m)
    fitter.panel("rear", (v - span, -0.29, 0.29), (v + span, -0.32, 0.32), _RECESS)
    if is_coarse:
        return
    edge = half * 0.97
    fitter.panel("rear", (0.457, -edge, edge), (0.473, -edge, edge), _SEAM)
    fitter.panel("rear", (v + span, -0.33, 0.33), (v + span + 0.022, -0.32, 0.32), _CHROME)
    for x_m in (-0.67 * half, 0.67 * half):
        seam = (x_m, x_m + 0.006)
        fitter.panel("rear", (0.48, *seam), (0.62, *seam), _SEAM)


def _add_rear_lamps(fitter: Fitter, side: int, half: float, *, is_coarse: bool) -> None:
    def across(inner: float, outer: float) -> tuple[float, float]:
        return (inner, outer) if side > 0 else (-outer, -inner)

    turn = Look(_AMBER, 0.05, Lamp.TURN_LEFT if side < 0 else Lamp.TURN_RIGHT)
    inner, outer = half - 0.46, half - 0.05
    fitter.panel(
        "rear",
        (0.66, *across(inner + 0.03, outer)),
        (0.90, *across(inner - 0.03, outer - 0.02)),
        _LENS,
    )
    bar = across(inner + 0.03, outer - 0.05)
    fitter.panel("rear", (0.79, *bar), (0.865, *bar), _STOP_BAR)
    amber = across(inner + 0.06, outer - 0.06)
    fitter.panel("rear", (0.695, *amber), (0.745, *amber), turn)
    if not is_coarse:
        low = across(half - 0.40, half - 0.20)
        fitter.panel("rear", (0.205, *low), (0.245, *low), _REFLECTOR)


def add_front(fitter: Fitter) -> None:
    """Grille, bumper opening and headlamps."""
    half = fitter.form.width_m / 2
    fitter.panel("front", (0.04, -half * 0.7, half * 0.7), (0.26, -half * 0.78, half * 0.78), _DULL)
    fitter.panel(
        "front", (0.56, -half * 0.48, half * 0.48), (0.86, -half * 0.52, half * 0.52), _DULL
    )
    fitter.panel("front", (0.70, -half * 0.5, half * 0.5), (0.73, -half * 0.5, half * 0.5), _CHROME)
    for inner, outer in ((half - 0.44, half - 0.07), (0.07 - half, 0.44 - half)):
        fitter.panel("front", (0.66, inner, outer), (0.88, inner, outer), _HEADLAMP)


def add_sides(fitter: Fitter, *, is_coarse: bool) -> None:
    """Sills, doors and wheels."""
    form = fitter.form
    _, rear_roof, front_roof, front_foot = form.cabin_y_m
    middle = (rear_roof + front_roof) / 2 + 0.15
    seams = (max(form.cabin_y_m[0] + 0.75, form.axles_y_m[0] + 0.35), middle, front_foot - 0.30)
    for side in ("left", "right"):
        long = (0.4, form.length_m - 0.4)
        fitter.panel(side, (0.0, *long), (0.10, *long), _DULL)
        for y_m in () if is_coarse else seams:
            gap = (y_m - 0.008, y_m + 0.008)
            fitter.panel(side, (0.12, *gap), (0.97, *gap), _SEAM)
        for y_m in () if is_coarse else seams[:2]:
            grip = (y_m + 0.08, y_m + 0.28)
            fitter.panel(side, (0.80, *grip), (0.84, *grip), _CHROME)
        for y_m in form.axles_y_m:
            _add_wheel(fitter.faces, form, (1 if side == "right" else -1, y_m), is_coarse=is_coarse)


def _add_wheel(faces: Faces, form: Form, at: tuple[int, float], *, is_coarse: bool) -> None:
    side, y_m = at
    radius_m = form.wheel_radius_m
    x_m = side * (form.width_m / 2 + 0.004)
    inside_m = np.array([0.0, y_m, radius_m])

    def disc(share: float, start: float, end: float) -> FloatArray:
        turn = np.linspace(start, end, 10 if is_coarse else 18)
        along, up = radius_m * share * np.cos(turn), radius_m * share * np.sin(turn)
        return np.column_stack([np.full(len(turn), x_m), y_m + along, radius_m + up])

    faces.add(disc(1.16, -0.25, np.pi + 0.25), inside_m, _ARCH)
    faces.add(disc(1.0, 0, 2 * np.pi), inside_m, _TYRE)
    faces.add(disc(0.68, 0, 2 * np.pi), inside_m, _RIM)
    for spoke in () if is_coarse else range(5):
        turn = spoke * 2 * np.pi / 5
        wedge = np.concatenate([disc(0.6, turn - 0.4, turn + 0.4), disc(0.16, turn, turn)[:1]])
        faces.add(wedge, inside_m, _SPOKE_GAP)


def add_below(faces: Faces, form: Form) -> None:
    """Tyres and floor as seen from behind and in front, and the door mirrors."""
    half, radius_m = form.width_m / 2, form.wheel_radius_m
    inside_m = np.array([0.0, form.length_m / 2, 0.3])
    for axle_m, ahead in ((form.axles_y_m[1], 1), (form.axles_y_m[0], -1)):
        y_m = axle_m + ahead * radius_m * 0.75
        _add_upright(faces, (0.2 - half, half - 0.2, 0.16, 0.45, y_m), inside_m, _FLOOR)
        for x_m in (0.035 - half, half - 0.245):
            _add_upright(faces, (x_m, x_m + 0.21, 0.1, 0.42, y_m), inside_m, _TYRE)
            low_y_m = axle_m + ahead * radius_m * 0.2
            _add_upright(faces, (x_m, x_m + 0.21, 0.0, 0.2, low_y_m), inside_m, _TYRE)
    for side in (-1, 1):
        _add_mirror(faces, form, side)


def _add_upright(faces: Faces, box: tuple[float, ...], inside_m: FloatArray, look: Look) -> None:
    left, right, low, high, y_m = box
    corners = [(left, y_m, low), (right, y_m, low), (right, y_m, high), (left, y_m, high)]
    faces.add(np.array(corners), inside_m, look)


def _add_mirror(faces: Faces, form: Form, side: int) -> None:
    y_m = form.cabin_y_m[3] - 0.62
    turn = np.linspace(0, 2 * np.pi, 14)
    across = side * (form.width_m / 2 + 0.055) + 0.125 * np.cos(turn)
    ellipse = np.column_stack(
        [across, np.full(14, y_m), form.belt_z_m + 0.06 + 0.085 * np.sin(turn)]
    )
    middle = ellipse.mean(axis=0)
    for away_m in (-5.0, 5.0):
        faces.add(ellipse, middle + np.array([0.0, away_m, 0.0]), _DULL)
    glass = middle + (ellipse - middle) * 0.86
    faces.add(glass, middle + np.array([0.0, 5.0, 0.0]), _MIRROR)
