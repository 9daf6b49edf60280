"""Number plates: the characters of a fictional plate and their picture."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from detector.detection import FloatArray, ImageArray

__all__ = ["PLATE_SIZE_M", "draw_plate", "glyph_mask", "invent_plate"]

PLATE_SIZE_M = (0.44, 0.14)
"""Width and height of a small blue plate. Source: GA 36-2018, table 1."""

_PX_PER_MM = 2
_FONT_FILE = Path(__file__).with_name("plate_glyphs.otf")
_BLUE = (150, 62, 10)
_WHITE = (250, 250, 248)
# Letters that look like a digit or like one another from afar are left out, so that the scene tests
# the path through the system and not the limits of a reader.
_LETTERS = "ACEFHJKLMNPRTWXY"
_DIGITS = "23456789"
_CITIES = "ABCEFHJK"
_CHARACTER_MM = (45, 90)
_LEFTS_MM = (15, 72, 151, 208, 265, 322, 379)


def invent_plate(rng: np.random.Generator) -> str:
    """A fictional plate of Hubei province, without the separator, such as 鄂A8K215."""
    signs = [str(rng.choice(list(_DIGITS))) for _ in range(5)]
    signs[int(rng.integers(0, 3))] = str(rng.choice(list(_LETTERS)))
    return "鄂" + str(rng.choice(list(_CITIES))) + "".join(signs)


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_FONT_FILE), size_px)


@cache
def glyph_mask(character: str, width_px: int, height_px: int) -> ImageArray:
    """One character filling a box: shape (height, width), 0 to 255."""
    font = _font(height_px * 2)
    left, top, right, bottom = font.getbbox(character)
    canvas = Image.new("L", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(canvas).text((-left, -top), character, font=font, fill=255)
    # A narrow sign, the digit 1 above all, keeps its shape and stands in the middle of its box.
    natural_px = round(canvas.width * height_px / canvas.height * 0.95)
    inner_px = width_px if natural_px > width_px * 0.6 else natural_px
    fitted = canvas.resize((inner_px, height_px), Image.Resampling.LANCZOS)
    mask = np.zeros((height_px, width_px), np.uint8)
    start_px = (width_px - inner_px) // 2
    mask[:, start_px : start_px + inner_px] = np.asarray(fitted)
    return mask


def draw_plate(text: str, *, rng: np.random.Generator, is_muddy: bool = False) -> ImageArray:
    """A blue plate seen from the front, two pixels for each millimetre, BGR.

    Source of the layout: GA 36-2018: characters of 45 x 90 mm, a round separator after the second.
    """
    width_px, height_px = (round(side * 1000 * _PX_PER_MM) for side in PLATE_SIZE_M)
    plate = np.full((height_px, width_px, 3), _BLUE, np.uint8)
    cv2.rectangle(plate, (7, 7), (width_px - 8, height_px - 8), _WHITE, 4, cv2.LINE_AA)
    size_px = (_CHARACTER_MM[0] * _PX_PER_MM, _CHARACTER_MM[1] * _PX_PER_MM)
    top_px = (height_px - size_px[1]) // 2
    for character, left_mm in zip(text, _LEFTS_MM, strict=True):
        mask = glyph_mask(character, *size_px)[:, :, None] / 255.0
        left_px = left_mm * _PX_PER_MM
        window = plate[top_px : top_px + size_px[1], left_px : left_px + size_px[0]]
        window[:] = np.round(window * (1 - mask) + np.array(_WHITE) * mask)
    cv2.circle(plate, (134 * _PX_PER_MM, height_px // 2), 10, _WHITE, -1, cv2.LINE_AA)
    shade = np.linspace(1.06, 0.92, height_px)[:, None, None]
    clean = np.clip(plate * shade, 0, 255)
    return _cover_in_mud(clean, rng) if is_muddy else clean.astype(np.uint8)


def _cover_in_mud(plate: FloatArray, rng: np.random.Generator) -> ImageArray:
    height_px, width_px = plate.shape[:2]
    size_px = (width_px, height_px)
    coarse = cv2.resize(rng.random((4, 9)), size_px, interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.random((40, 126)), size_px, interpolation=cv2.INTER_CUBIC)
    # The rim shows that there is a plate; what it says cannot be guessed.
    thick = np.clip(1.0 + 0.08 * (coarse - 0.5) + 0.04 * (fine - 0.5), 0.965, 1.0)
    rim = np.zeros((height_px, width_px))
    cv2.rectangle(rim, (0, 0), (width_px - 1, height_px - 1), 0.45, 22)
    thick = cv2.GaussianBlur(thick - rim * coarse, (0, 0), 5)[:, :, None]
    mud = np.array((68.0, 92.0, 116.0)) * (0.86 + 0.22 * coarse + 0.10 * fine)[:, :, None]
    return np.clip(plate * (1 - thick) + mud * thick, 0, 255).astype(np.uint8)
