"""How many short messages a text takes, as the phone network counts them.

Source: 3GPP TS 23.038 (GSM 03.38), sections 6.2.1 and 6.2.1.1 (default alphabet and its extension
table) and 6.2.3 (UCS-2); TS 23.040, section 9.2.3.24.1 (the header of concatenated messages takes
6 of the 140 octets, which leaves 153 septets or 67 characters).
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Encoding", "Segments", "sms_segments", "utf16_units"]

_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = frozenset("\f^{}\\[~]|€")


class Encoding(StrEnum):
    """How the characters travel; one character outside GSM-7 makes the whole text UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """What a text costs: `units` are septets of GSM-7, or 16-bit units of UCS-2."""

    encoding: Encoding
    units: int
    segments: int


_ALONE = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
_JOINED = {Encoding.GSM_7: 153, Encoding.UCS_2: 67}


def sms_segments(text: str) -> Segments:
    """Count the units and messages of a text; an empty one is still one message.

    A character of two units (the euro sign, an emoji) is never cut in two: where one unit is left
    in a message it goes to the next.
    """
    if all(char in _GSM_BASIC or char in _GSM_EXTENSION for char in text):
        encoding = Encoding.GSM_7
        costs = [2 if char in _GSM_EXTENSION else 1 for char in text]
    else:
        encoding = Encoding.UCS_2
        costs = [utf16_units(char) for char in text]
    units = sum(costs)
    return Segments(
        encoding=encoding,
        units=units,
        segments=1 if units <= _ALONE[encoding] else _packed(costs, room=_JOINED[encoding]),
    )


def _packed(costs: list[int], *, room: int) -> int:
    segments, used = 1, 0
    for cost in costs:
        if used + cost > room:
            segments, used = segments + 1, 0
        used += cost
    return segments


def utf16_units(text: str) -> int:
    """The length in 16-bit units: an emoji or a rare character takes two."""
    return sum(2 if ord(char) > 0xFFFF else 1 for char in text)
