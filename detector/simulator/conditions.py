"""Weather and trouble over drawn pictures: each works on any picture, and all of them together."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Protocol

import cv2
import numpy as np

from detector.detection import FloatArray, ImageArray
from detector.simulator.light import Light
from detector.simulator.planes import ground, stripe
from detector.simulator.viewpoint import Viewpoint

__all__ = ["Condition", "Conditions", "Spell"]


class Condition(StrEnum):
    """What makes a scene hard to see; the first four last as long as the scene."""

    NIGHT = "night"
    RAIN = "rain"
    FOG = "fog"
    GLARE = "glare"
    SHAKE = "shake"
    BUMP = "bump"
    DIRTY = "dirty"
    DAZZLE = "dazzle"
    DARK = "dark"
    FROZEN = "frozen"
    DROPS = "drops"


Spell = tuple[float, float]
"""From and until, in seconds of the scene."""

_FOR_GOOD_S = float("inf")
_SPELLS = (Condition.DAZZLE, Condition.DARK, Condition.FROZEN)
_LASTING = (Condition.BUMP, Condition.DIRTY)
_DROP_EVERY_S = 12.0


class _Effect(Protocol):
    """Changes a picture; may use its memory."""

    def apply(self, picture: ImageArray, at_s: float) -> ImageArray: ...


class Conditions:
    """The chosen conditions of one scene, laid over its pictures in the order of `Condition`."""

    def __init__(self, chosen: Sequence[Condition], view: Viewpoint, seed: int) -> None:
        """Choose by seed when each comes, and how it looks."""
        self.chosen = tuple(one for one in Condition if one in set(chosen))
        self._seed = seed
        self.spells: dict[Condition, Spell] = {}
        for one in self.chosen:
            if one in _SPELLS:
                start_s = float(self._rng(one).uniform(16, 22))
                self.spells[one] = (start_s, start_s + float(self._rng(one).uniform(8, 14)))
            if one in _LASTING:
                self.spells[one] = (float(self._rng(one).uniform(18, 26)), _FOR_GOOD_S)
        self._effects = [
            effect for one in self.chosen if (effect := self._effect(one, view)) is not None
        ]

    @property
    def is_night(self) -> bool:
        """Whether only lamps light the scene."""
        return Condition.NIGHT in self.chosen

    @property
    def has_lamps_lit(self) -> bool:
        """Whether vehicles drive with their lamps lit."""
        return not {Condition.NIGHT, Condition.RAIN, Condition.FOG}.isdisjoint(self.chosen)

    def light(self, clear: Light) -> Light:
        """The light of a clear day, veiled by the weather."""
        light = clear
        if not {Condition.NIGHT, Condition.RAIN, Condition.FOG}.isdisjoint(self.chosen):
            # No sun: what it gave comes from all around, and shadows are pale.
            light = replace(
                light,
                sun=light.sun * 0.08,
                sky=light.sky + light.sun * 0.34,
                shadow_ratio=0.10,
            )
        if Condition.RAIN in self.chosen:
            light = replace(light, haze=light.haze * 0.86, haze_depth_m=95.0, sky=light.sky * 0.84)
        if Condition.FOG in self.chosen:
            depth_m = float(self._rng(Condition.FOG).uniform(30.0, 44.0))
            light = replace(light, haze=np.array([208.0, 208.0, 206.0]), haze_depth_m=depth_m)
        if Condition.NIGHT in self.chosen:
            light = replace(light, noise_sigma=light.noise_sigma * 2.2)
        return light

    def wet(self, empty: ImageArray, view: Viewpoint, span_x_m: tuple[float, float]) -> ImageArray:
        """The empty place after hours of rain: dark asphalt, and puddles that mirror the sky.

        Args:
            empty: The place as it is dry.
            view: The camera.
            span_x_m: From and to where the road reaches.
        """
        if Condition.RAIN not in self.chosen:
            return empty
        rays = view.rays().astype(np.float32)
        land = ground(view, rays, 0.0)
        middle_m, width_m = sum(span_x_m) / 2, span_x_m[1] - span_x_m[0]
        # Towards the horizon the trees hang over the road in the picture.
        is_road = stripe(land.a_m, middle_m, width_m, land.pixel_m * 30)
        is_road = is_road * np.clip(1.3 - land.depth_m / 70, 0, 1)
        flat = 1 - np.clip(-rays[..., 2] / np.linalg.norm(rays, axis=-1), 0, 1)
        patches = np.sin(land.a_m * 1.3 + 2 * np.sin(land.b_m * 0.21)) * np.sin(land.b_m * 0.33)
        smooth = np.clip(0.55 + 0.45 * patches, 0, 1)
        mirrored = np.asarray(cv2.GaussianBlur(empty[::-1], (0, 0), 21), np.float32)
        share = np.clip((0.10 + 0.6 * flat**5) * smooth, 0, 0.55) * is_road
        dark = empty.astype(np.float32) * (1 - 0.12 - 0.16 * is_road)[..., None]
        wet = dark + (mirrored - dark) * share[..., None]
        return np.asarray(np.clip(wet, 0, 255), np.uint8)

    def shown_s(self, at_s: float) -> float:
        """The instant that the camera shows: a frozen one shows the same again and again."""
        start_s, end_s = self.spells.get(Condition.FROZEN, (0.0, 0.0))
        return start_s if start_s <= at_s < end_s else at_s

    def is_delivered(self, at_s: float) -> bool:
        """Whether the picture of an instant reaches anybody."""
        if Condition.DROPS not in self.chosen:
            return True
        window = int(at_s // _DROP_EVERY_S)
        rng = np.random.default_rng([self._seed, zlib.crc32(b"drops"), window])
        start_s = float(rng.uniform(2.5, _DROP_EVERY_S - 4))
        return not start_s <= at_s - window * _DROP_EVERY_S < start_s + float(rng.uniform(0.4, 4))

    def apply(self, picture: ImageArray, at_s: float) -> ImageArray:
        """Lay what the camera and the air add over a picture."""
        for effect in self._effects:
            picture = effect.apply(picture, at_s)
        return picture

    def moved_box_px(self, box_px: FloatArray, at_s: float) -> FloatArray:
        """Where a box of the first view is, xyxy, after a knock has turned the camera for good."""
        for effect in self._effects:
            if isinstance(effect, _Bump):
                return effect.moved_box_px(box_px, at_s)
        return box_px

    def _rng(self, one: Condition) -> np.random.Generator:
        return np.random.default_rng([self._seed, zlib.crc32(one.encode())])

    def _effect(self, one: Condition, view: Viewpoint) -> "_Effect | None":
        makers: dict[Condition, Callable[[tuple[int, int], np.random.Generator, Spell], _Effect]]
        makers = {
            Condition.RAIN: _Rain,
            Condition.GLARE: partial(_Sun, strength=0.8),
            Condition.DAZZLE: partial(_Sun, strength=3.2),
            Condition.SHAKE: _Shake,
            Condition.BUMP: _Bump,
            Condition.DIRTY: _Dirt,
            Condition.DARK: _Dark,
        }
        if one not in makers:
            return None
        spell = self.spells.get(one, (0.0, _FOR_GOOD_S))
        return makers[one]((view.width_px, view.height_px), self._rng(one), spell)


def _is_in(spell: Spell, at_s: float) -> bool:
    return spell[0] <= at_s < spell[1]


class _Rain:
    """Falling streaks, and air that takes the contrast away."""

    def __init__(self, size_px: tuple[int, int], rng: np.random.Generator, _spell: Spell) -> None:
        width, height = size_px
        self._size_px = size_px
        self._lean = float(rng.uniform(-0.16, 0.16))
        # Sheets are twice as large as the picture, so that every instant finds another cut.
        self._sheets = [
            self._sheet((2 * width, 2 * height), rng, count=count, length_px=length, tone=tone)
            for count, length, tone in ((2600, 22, 34), (420, 64, 52))
        ]

    def _sheet(
        self,
        size_px: tuple[int, int],
        rng: np.random.Generator,
        *,
        count: int,
        length_px: int,
        tone: int,
    ) -> ImageArray:
        sheet = np.zeros((size_px[1], size_px[0]), np.uint8)
        for x_px, y_px in zip(*(rng.integers(0, side, count) for side in size_px), strict=True):
            long_px = length_px * rng.uniform(0.6, 1.3)
            end = (int(x_px + self._lean * long_px), int(y_px + long_px))
            cv2.line(sheet, (int(x_px), int(y_px)), end, int(tone * rng.uniform(0.5, 1)), 1)
        soft = cv2.GaussianBlur(sheet, (0, 0), 0.7 if length_px < 40 else 1.3)
        return np.asarray(cv2.merge([soft, soft, soft]), np.uint8)

    def apply(self, picture: ImageArray, at_s: float) -> ImageArray:
        width, height = self._size_px
        tick = round(at_s * 1000)
        for rank, sheet in enumerate(self._sheets, start=1):
            x_px, y_px = tick * 7919 * rank % width, tick * 104729 * rank % height
            cv2.add(picture, sheet[y_px : y_px + height, x_px : x_px + width], dst=picture)
        return picture


class _Sun:
    """A low sun in the lens: a disc of light with a veil, and ghosts towards the middle."""

    def __init__(
        self, size_px: tuple[int, int], rng: np.random.Generator, spell: Spell, *, strength: float
    ) -> None:
        self._spell = spell
        width, height = size_px
        at = np.array([rng.uniform(0.18, 0.82) * width, rng.uniform(0.02, 0.16) * height])
        u, v = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        away = np.hypot(u - at[0], v - at[1]) / width
        veil = 250 * np.exp(-((away / 0.05) ** 2)) + 150 * np.exp(-away / 0.16)
        turn = np.arctan2(v - at[1], u - at[0])
        rays = 0.75 + 0.25 * np.cos(turn * 9 + 1.0) ** 8
        veil = veil * np.where(away > 0.03, rays, 1.0)
        for share, radius, tone in ((0.7, 0.03, 14), (1.25, 0.05, 9), (1.55, 0.022, 12)):
            ghost = at + (np.array([width / 2, height / 2]) - at) * share * 1.4
            far = np.hypot(u - ghost[0], v - ghost[1]) / width
            veil += tone * np.clip((radius - far) / 0.004 + 0.5, 0, 1)
        warm = np.array([0.80, 0.94, 1.0], np.float32)
        light = np.clip(veil[..., None] * warm * strength, 0, 255)
        self._light = light.astype(np.uint8)

    def apply(self, picture: ImageArray, at_s: float) -> ImageArray:
        if _is_in(self._spell, at_s):
            cv2.add(picture, self._light, dst=picture)
        return picture


class _Shake:
    """A mast that trembles in the wind: a pixel or two, this way and that."""

    def __init__(self, _size_px: tuple[int, int], rng: np.random.Generator, _spell: Spell) -> None:
        self._waves = rng.uniform((0.4, 0.9, 0.0), (1.3, 3.4, 6.28), (2, 3, 3))

    def offset_px(self, at_s: float) -> FloatArray:
        """How far the picture has moved, shape (2,)."""
        size, rate, phase = np.moveaxis(self._waves, -1, 0)
        return np.asarray((size * np.sin(2 * np.pi * rate * at_s + phase)).sum(axis=1))

    def apply(self, picture: ImageArray, at_s: float) -> ImageArray:
        x_px, y_px = self.offset_px(at_s)
        move = np.array([[1.0, 0.0, x_px], [0.0, 1.0, y_px]])
        return _warp(picture, move)


class _Bump:
    """A knock that turns the camera for good; the picture is cut so that no edge shows."""

    def __init__(self, size_px: tuple[int, int], rng: np.random.Generator, spell: Spell) -> None:
        self._spell = spell
        width, height = size_px
        turn_deg = float(rng.uniform(1.5, 3.0) * rng.choice([-1, 1]))
        aside_px = rng.uniform(0.035, 0.06, 2) * width * rng.choice([-1, 1], 2)
        move = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1.26)
        move[:, 2] += aside_px * (1.0, 0.6)
        self._move = np.asarray(move, np.float64)

    def apply(self, picture: ImageArray, at_s: float) -> ImageArray:
        return _warp(picture, self._move) if _is_in(self._spell, at_s) else picture

    def moved_box_px(self, box_px: FloatArray, at_s: float) -> FloatArray:
        """The smallest upright box around a box that the knock has moved."""
        if not _is_in(self._spell, at_s):
            return box_px
        left, top, right, bottom = box_px.tolist()
        corners = np.array([(left, top, 1), (right, top, 1), (right, bottom, 1), (left, bottom, 1)])
        moved = corners @ self._move.T
        return np.concatenate([moved.min(axis=0), moved.max(axis=0)])


def _warp(picture: ImageArray, move: FloatArray) -> ImageArray:
    size_px = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(picture, move, size_px, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


class _Dirt:
    """Splashes on the glass: what lies behind them is a brown blur."""

    def __init__(self, size_px: tuple[int, int], rng: np.random.Generator, spell: Spell) -> None:
        self._spell = spell
        width, height = size_px
        mask = np.zeros((height // 4, width // 4), np.float32)
        middle = np.array([rng.uniform(0.3, 0.7) * width, rng.uniform(0.4, 0.7) * height]) / 4
        for _ in range(70):
            at = middle + rng.standard_normal(2) * (width / 16, height / 14)
            radius = int(rng.uniform(10, 36))
            cv2.circle(mask, at.astype(int).tolist(), radius, float(rng.uniform(0.6, 1)), -1)
        for _ in range(40):
            at = rng.uniform(0, 1, 2) * (width / 4, height / 4)
            cv2.circle(mask, at.astype(int).tolist(), int(rng.uniform(1, 5)), 0.7, -1)
        soft = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 4), size_px)
        keep = np.clip(soft * 1.05, 0, 0.94)
        self._cover = _grey(keep * 255)
        self._clear = 255 - self._cover

    def apply(self, picture: ImageArray, at_s: float) -> ImageArray:
        if not _is_in(self._spell, at_s):
            return picture
        size_px = (picture.shape[1], picture.shape[0])
        small = cv2.resize(picture, (size_px[0] // 16, size_px[1] // 16))
        brown = (cv2.GaussianBlur(small, (0, 0), 2.0) * (0.50, 0.58, 0.64)).astype(np.uint8)
        behind = cv2.multiply(cv2.resize(brown, size_px), self._cover, scale=1 / 255)
        return np.asarray(
            cv2.add(cv2.multiply(picture, self._clear, scale=1 / 255), behind), np.uint8
        )


def _grey(sheet: FloatArray) -> ImageArray:
    whole = np.asarray(sheet, np.uint8)
    return np.asarray(cv2.merge([whole, whole, whole]), np.uint8)


class _Dark:
    """So little light that hardly anything is left."""

    def __init__(self, _size_px: tuple[int, int], _rng: np.random.Generator, spell: Spell) -> None:
        self._spell = spell

    def apply(self, picture: ImageArray, at_s: float) -> ImageArray:
        if not _is_in(self._spell, at_s):
            return picture
        return np.asarray(cv2.convertScaleAbs(picture, alpha=0.05), np.uint8)
