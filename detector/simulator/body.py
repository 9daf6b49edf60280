"""A vehicle's surfaces, put together once for each kind and fineness."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from detector.detection import FloatArray, IntArray
from detector.simulator.fittings import (
    Fitter,
    add_below,
    add_front,
    add_glass,
    add_rear,
    add_sides,
)
from detector.simulator.form import FORMS, Form
from detector.simulator.shell import (
    Faces,
    Shell,
    body_rings,
    body_shell,
    cabin_rings,
    cabin_shell,
)

__all__ = ["Body", "build_body"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Faces in the order they are drawn; the origin is on the road below the rear bumper's middle.

    Attributes:
        points_m: Shape (p, 3), all corners.
        starts: Shape (f + 1,); face i has the points from starts[i] to starts[i + 1].
        centres_m: Shape (f, 3).
        normals: Shape (f, 3), outward.
        colour: Shape (f, 3), BGR; nan where the vehicle's paint goes.
        mirror_ratio: Shape (f, 1).
        lamps: Shape (f,), values of `Lamp`.
        plate_m: Shape (4, 3), the rear plate's corners from the top left, as seen from behind.
        front_plate_m: Shape (4, 3), the same in front.
        outline_m: Shape (n, 2), the body's outline on the road.
        roof_m: Shape (m, 3), the roof's outline, for the shadow.
    """

    points_m: FloatArray
    starts: IntArray
    centres_m: FloatArray
    normals: FloatArray
    colour: FloatArray
    mirror_ratio: FloatArray
    lamps: IntArray
    plate_m: FloatArray
    front_plate_m: FloatArray
    outline_m: FloatArray
    roof_m: FloatArray


def _plate(form: Form, shell: Shell, *, is_front: bool) -> FloatArray:
    if is_front:
        z_m = 0.50
        y_m = float(shell.front(np.zeros(1), 0.34)[0]) + 0.015
    else:
        z_m = form.plate_z_m
        v = (z_m - form.sill_z_m) / (form.tail_z_m - form.sill_z_m)
        y_m = float(shell.rear(np.zeros(1), v)[0]) - 0.015
    left = 0.22 if is_front else -0.22
    low, high = z_m - 0.07, z_m + 0.07
    return np.array([(left, y_m, high), (-left, y_m, high), (-left, y_m, low), (left, y_m, low)])


@cache
def build_body(kind: str, *, is_coarse: bool) -> Body:
    """The surfaces of one kind of vehicle, a key of `FORMS`; coarse ones are for the distance."""
    form = FORMS[kind]
    shell, cabin = body_shell(form, is_coarse=is_coarse), cabin_shell(form, is_coarse=is_coarse)
    faces = Faces()
    add_below(faces, form)
    middle_m = np.array([0.0, form.length_m / 2, form.sill_z_m + 0.3])
    faces.skin(body_rings(shell, is_coarse=is_coarse), middle_m)
    fitter = Fitter(faces, shell)
    add_sides(fitter, is_coarse=is_coarse)
    roof_rings = cabin_rings(cabin, is_coarse=is_coarse)
    faces.skin(roof_rings, np.array([0.0, form.length_m / 2, form.belt_z_m]))
    add_glass(Fitter(faces, cabin), is_coarse=is_coarse)
    add_rear(fitter, is_coarse=is_coarse)
    add_front(fitter)
    unpainted = (np.nan, np.nan, np.nan)
    return Body(
        points_m=np.concatenate(faces.points_m),
        starts=np.cumsum([0, *(len(points) for points in faces.points_m)]),
        centres_m=np.stack([points.mean(axis=0) for points in faces.points_m]),
        normals=faces.normals(),
        colour=np.array([look.colour or unpainted for look in faces.looks]),
        mirror_ratio=np.array([[look.mirror_ratio] for look in faces.looks]),
        lamps=np.array([int(look.lamp) for look in faces.looks]),
        plate_m=_plate(form, shell, is_front=False),
        front_plate_m=_plate(form, shell, is_front=True),
        outline_m=shell.ring(0.34)[:, :2],
        roof_m=roof_rings[len(cabin.v) - 1],
    )
