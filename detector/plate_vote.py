"""Many plate reads to one reading, which abstains when the pictures differ."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from detector.detection import ImageArray
from detector.perception import PlateRead, PlateReader
from detector.stays import Stay
from pipeline.events import PlateClass, PlateNumber, PlateReading, PlateStatus

__all__ = [
    "is_plate_unsettled",
    "is_plate_wanted",
    "pick_plate",
    "plate_differs",
    "plate_of",
    "read_plate",
    "vote",
]

_MIN_CONFIDENCE = 0.7
_MIN_GENERIC_LENGTH = 5
_MIN_AGREEING = 3
_CLEAR_MAJORITY = 2 / 3
# Of two readings of one plate, at most so many characters differ.
_MISREAD = 1
_TRIES = 10
_TRIES_IN_VAIN = 4


def is_plate_wanted(stay: Stay, reader: PlateReader) -> bool:
    """Whether one more picture of this vehicle's plate can help: it is legible and not settled.

    A plate is settled when it is agreed and the vehicle was not lost since, or when many pictures
    showed no text at all.
    """
    reading = vote(stay.plate_texts)
    is_agreed = reading.status is PlateStatus.AGREED and stay.check_texts is None
    is_in_vain = not stay.plate_texts and stay.plate_tries >= _TRIES
    is_legible = float(stay.box_px[2] - stay.box_px[0]) >= reader.least_width_px
    return is_legible and not (is_agreed or is_in_vain)


def is_plate_unsettled(stay: Stay, reader: PlateReader) -> bool:
    """Whether its first reading is still going on; its tries are limited, because each costs."""
    is_in_vain = not stay.plate_texts and stay.plate_tries >= _TRIES_IN_VAIN
    return stay.plate_tries < _TRIES and not is_in_vain and is_plate_wanted(stay, reader)


def read_plate(stay: Stay, image: ImageArray, reader: PlateReader) -> Stay:
    """The stay with one more try at its plate, from the picture it was last seen in."""
    x1, y1, x2, y2 = (max(0, round(float(value))) for value in stay.box_px)
    text = pick_plate(reader.read(image[y1:y2, x1:x2]))
    stay = replace(stay, plate_tries=stay.plate_tries + 1)
    return _with_text(stay, text) if text else stay


def plate_of(stay: Stay) -> PlateReading:
    """The reading that all pictures of the stay give together."""
    return vote((*stay.plate_texts, *(stay.check_texts or ())))


def plate_differs(stay: Stay) -> PlateStatus | None:
    """Whether a vehicle that was lost and found again bears another plate than before.

    Returns:
        None when nothing says so; doubtful when a reading does; agreed when a vote does.
    """
    return vote(stay.check_texts).status if stay.check_texts else None


def _with_text(stay: Stay, text: str) -> Stay:
    checked = (*(stay.check_texts or ()), text)
    is_open = stay.check_texts is not None and len(checked) < _TRIES
    if is_open and stay.plate_texts and not _is_known(text, stay.plate_texts):
        return replace(stay, check_texts=checked)
    return replace(stay, plate_texts=(*stay.plate_texts, *checked), check_texts=None)


def _is_known(text: str, known: Sequence[str]) -> bool:
    """Whether a text can be the plate that was read before, well or badly."""
    reading = vote(known)
    if reading.status is PlateStatus.AGREED:
        return text == reading.text
    return any(
        len(one) == len(text) and sum(a != b for a, b in zip(one, text, strict=True)) <= _MISREAD
        for one in known
    )


def pick_plate(reads: Iterable[PlateRead]) -> str | None:
    """The one text of a picture that reads like a plate, in its normal spelling; else None.

    A text that follows a national pattern goes before one that merely could be a plate; words,
    telephone numbers and weak reads are left out.
    """
    candidates = []
    for read in reads:
        with suppress(ValueError):
            plate = PlateNumber.parse(read.text)
            if read.confidence >= _MIN_CONFIDENCE and _is_plausible(plate):
                is_national = plate.plate_class is not PlateClass.GENERIC
                candidates.append((is_national, read.confidence, plate.text))
    return max(candidates)[2] if candidates else None


def vote(texts: Sequence[str]) -> PlateReading:
    """The reading that the pictures of one vehicle give together.

    Agreed when at least three pictures, and two of three of those that gave a text, say the same,
    and it can be a plate.
    """
    if not texts:
        return PlateReading(status=PlateStatus.UNREADABLE)
    text, agreeing = Counter(texts).most_common(1)[0]
    is_clear = agreeing >= _MIN_AGREEING and agreeing >= _CLEAR_MAJORITY * len(texts)
    is_agreed = is_clear and _is_plausible(PlateNumber.parse(text))
    return PlateReading(
        status=PlateStatus.AGREED if is_agreed else PlateStatus.DOUBTFUL,
        text=text,
        agreeing=agreeing,
        reads=len(texts),
    )


def _is_plausible(plate: PlateNumber) -> bool:
    if plate.plate_class is not PlateClass.GENERIC:
        return True
    has_both = any(c.isdigit() for c in plate.text) and any(c.isalpha() for c in plate.text)
    return has_both and len(plate.text) >= _MIN_GENERIC_LENGTH
