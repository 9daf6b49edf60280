"""The light over the drawn street: sun, sky, haze, and what they make of a surface."""

from dataclasses import dataclass

import numpy as np

from detector.detection import FloatArray

__all__ = ["Light", "Surfaces", "choose_light", "fade_to_haze", "haze_ratio", "shade"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """One mood of weather and hour; colours are BGR around 1.

    Attributes:
        to_sun: Unit vector towards the sun, in road coordinates.
        sun: Strength and tint of direct light.
        sky: Strength and tint of light from all around.
        haze: Colour that the distance fades to, 0 to 255.
        haze_depth_m: Distance at which little more than a third is left of a colour.
        shadow_ratio: How much light a cast shadow takes away.
        noise_sigma: Standard deviation of the sensor's noise, in grey levels.
    """

    to_sun: FloatArray
    sun: FloatArray
    sky: FloatArray
    haze: FloatArray
    haze_depth_m: float
    shadow_ratio: float
    noise_sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfaces:
    """Small flat surfaces.

    Attributes:
        colour: Their own colour, shape (n, 3), BGR 0 to 255.
        normals: Unit vectors, shape (n, 3).
        mirror_ratio: Share mirrored when seen straight on, shape (n, 1); 0 is quite dull.
    """

    colour: FloatArray
    normals: FloatArray
    mirror_ratio: FloatArray


def choose_light(rng: np.random.Generator) -> Light:
    """A veiled to clear morning; the sun stands behind the camera, to the right."""
    clear = float(rng.uniform(0.35, 1.0))
    warmth = float(rng.uniform(0.0, 1.0))
    heading = np.radians(rng.uniform(28.0, 48.0))
    height = np.radians(rng.uniform(46.0, 58.0))
    to_sun = np.array(
        [np.sin(heading) * np.cos(height), -np.cos(heading) * np.cos(height), np.sin(height)]
    )
    return Light(
        to_sun=to_sun,
        sun=clear * np.array([0.66 - 0.10 * warmth, 0.73 - 0.02 * warmth, 0.78 + 0.03 * warmth]),
        sky=(1.0 - 0.36 * clear) * np.array([1.00 - 0.05 * warmth, 0.96, 0.93 + 0.03 * warmth]),
        haze=np.array([226.0 - 14.0 * warmth, 222.0, 214.0 + 10.0 * warmth]),
        haze_depth_m=float(rng.uniform(130.0, 220.0)),
        shadow_ratio=0.26 + 0.22 * clear,
        noise_sigma=float(rng.uniform(1.2, 2.2)),
    )


def _surroundings(direction: FloatArray, light: Light) -> FloatArray:
    """Colour met by a mirrored ray, shape (n, 3): road, a belt of house fronts, sky."""
    up = direction[:, 2:3]
    road = np.array([92.0, 94.0, 96.0])
    houses = np.array([120.0, 124.0, 128.0])
    zenith = np.array([214.0, 176.0, 140.0])
    sky = light.haze + (zenith - light.haze) * np.clip(up, 0, 1) ** 0.6
    belt = np.clip((up - 0.08) / 0.22, 0, 1)
    above = houses + (sky - houses) * belt * belt * (3 - 2 * belt)
    ground = np.clip(-up / 0.1, 0, 1)
    return np.asarray(above + (road - above) * ground)


def shade(surfaces: Surfaces, towards: FloatArray, light: Light) -> FloatArray:
    """What the camera sees of surfaces, shape (n, 3), BGR 0 to 255.

    Args:
        surfaces: Colours, normals in road coordinates and shine.
        towards: Unit vectors to the camera, shape (n, 3).
        light: The light of the scene.

    Source: Schlick 1994, for the mirrored share at flat angles.
    """
    normals = surfaces.normals
    facing = np.clip(np.einsum("ij,ij->i", normals, towards), 0, 1)[:, None]
    to_sun = np.clip(normals @ light.to_sun, 0, 1)[:, None]
    # Less sky reaches what faces the road: it darkens a body's lower half.
    from_sky = 0.62 + 0.38 * normals[:, 2:3]
    colour = surfaces.colour * (light.sky * from_sky + light.sun * to_sun)
    shine = surfaces.mirror_ratio
    mirrored = 2 * facing * normals - towards
    share = np.where(shine > 0, shine + (1 - shine) * (1 - facing) ** 5 * 0.7, 0)
    colour = colour * (1 - share) + share * _surroundings(mirrored, light)
    glint = np.clip(mirrored @ light.to_sun, 0, 1)[:, None] ** 16
    return np.asarray(np.clip(colour + 620.0 * shine * glint * light.sun, 0, 255))


def fade_to_haze(colour: FloatArray, depth_m: float, light: Light) -> FloatArray:
    """Colours, shape (..., 3), as they look from afar."""
    return np.asarray(colour + (light.haze - colour) * haze_ratio(depth_m, light))


def haze_ratio(depth_m: float, light: Light) -> float:
    """How much of a colour is lost to the haze at a distance, 0 to 1."""
    return float(1 - np.exp(-((max(depth_m, 0.0) / light.haze_depth_m) ** 1.3)))
