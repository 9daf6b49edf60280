"""Number plates: one spelling, classes by pattern, and a mask for every screen.

Source of the patterns: GA 36-2018 as collected in public code; tried in this order after NFKC,
upper case and removal of spaces, dots and hyphens. Characters are never corrected silently.
"""

import re
import unicodedata
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict

__all__ = ["PlateClass", "PlateMark", "PlateNumber", "PlateReading", "PlateStatus", "mask_plate"]

_PROVINCE = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_SIGN = "A-HJ-NP-Z0-9"


class PlateClass(StrEnum):
    """What kind of plate a text is, as far as its pattern tells."""

    NEV_SMALL = "nev_small"
    NEV_LARGE = "nev_large"
    MARKED = "marked"
    CIVIL = "civil"
    EMBASSY = "embassy"
    EMERGENCY = "emergency"
    ARMED_POLICE = "armed_police"
    GENERIC = "generic"


class PlateMark(StrEnum):
    """The last sign of a marked plate: what the vehicle is for."""

    SCHOOL = "学"
    POLICE = "警"
    TRAILER = "挂"
    HONG_KONG = "港"
    MACAU = "澳"
    TEST = "试"
    OVERSIZE = "超"


_MARKS = "".join(PlateMark)
_PATTERNS: tuple[tuple[PlateClass, re.Pattern[str]], ...] = (
    (PlateClass.NEV_SMALL, re.compile(rf"[{_PROVINCE}][A-Z][A-HJK][{_SIGN}][0-9]{{4}}")),
    (PlateClass.NEV_LARGE, re.compile(rf"[{_PROVINCE}][A-Z][0-9]{{5}}[A-HJK]")),
    (PlateClass.MARKED, re.compile(rf"[{_PROVINCE}][A-Z][{_SIGN}]{{4}}[{_MARKS}]")),
    (PlateClass.CIVIL, re.compile(rf"[{_PROVINCE}][A-Z][{_SIGN}]{{5}}")),
    (PlateClass.EMBASSY, re.compile(r"使[0-9]{6}|[0-9]{6}使")),
    (PlateClass.EMBASSY, re.compile(rf"[{_PROVINCE}](?:[A-Z][0-9]{{4}}|[0-9]{{5}})领")),
    (PlateClass.EMERGENCY, re.compile(rf"[{_PROVINCE}][{_SIGN}]{{5}}应急")),
    (PlateClass.ARMED_POLICE, re.compile(rf"WJ[{_PROVINCE}]?[0-9]{{4}}[0-9A-Z]")),
    (PlateClass.GENERIC, re.compile(r"[A-Z0-9]{2,10}")),
)


class PlateNumber(BaseModel):
    """A plate in its one spelling, with the class its pattern tells."""

    model_config = ConfigDict(frozen=True)

    text: str
    plate_class: PlateClass

    @classmethod
    def parse(cls, raw: str) -> Self:
        """Normalise `raw` and find its class.

        Raises:
            ValueError: the text matches no known pattern.
        """
        text = unicodedata.normalize("NFKC", raw).upper()
        text = re.sub(r"[\s.\-·•・]", "", text)
        for plate_class, pattern in _PATTERNS:
            if pattern.fullmatch(text):
                return cls(text=text, plate_class=plate_class)
        raise ValueError(f"not a plate by any known pattern ({len(text)} characters)")

    @property
    def mark(self) -> PlateMark | None:
        """What a marked plate is marked as."""
        return PlateMark(self.text[-1]) if self.plate_class is PlateClass.MARKED else None

    def masked(self) -> str:
        """The text with its middle hidden, for screens and exports."""
        return mask_plate(self.text)


def mask_plate(text: str) -> str:
    """Hide the middle of a plate: 鄂A·1**45."""
    if len(text) <= 4:
        return text[:1] + "*" * (len(text) - 1)
    head, tail = text[:3], text[-2:]
    separator = "·" if text[0] in _PROVINCE else ""
    return f"{head[:2]}{separator}{head[2:]}{'*' * (len(text) - 5)}{tail}"


class PlateStatus(StrEnum):
    """How far a plate vote may be trusted; only `agreed` may reach a driver."""

    AGREED = "agreed"
    DOUBTFUL = "doubtful"
    UNREADABLE = "unreadable"


class PlateReading(BaseModel):
    """The vote of many reads of one vehicle's plate.

    `text` is the leading reading, None when nothing was read; `agreeing` of `reads` frames gave it.
    """

    model_config = ConfigDict(frozen=True)

    status: PlateStatus
    text: str | None = None
    agreeing: int = 0
    reads: int = 0
