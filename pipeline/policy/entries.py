"""What a rulebook is made of: values with a unit, the days they are in force, and their source."""

from calendar import monthrange
from collections.abc import Collection
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from pipeline.case import Disposition
from pipeline.events.plate import PlateClass, PlateMark
from pipeline.events.violation import LocalName, PlaceClass, VehicleClass, ViolationType
from pipeline.policy.evidence_standard import Clause

__all__ = [
    "Act",
    "ActList",
    "ActsEntry",
    "Cause",
    "ChannelKind",
    "DurationEntry",
    "Entry",
    "EvidenceEntry",
    "GraceEntry",
    "Kept",
    "ListRow",
    "ListsEntry",
    "MonthsEntry",
    "Need",
    "PlacesEntry",
    "PlatesEntry",
    "QuietEntry",
    "RemindersEntry",
    "RetentionEntry",
    "Step",
    "StepsEntry",
    "Way",
    "WaysEntry",
    "When",
    "WorkingDaysEntry",
]


_MAX_POINTS = 12
"""A licence has no more; source: PTS article 4."""
_MAX_TRIES = 9


class Cause(StrEnum):
    """Why no reminder can go out."""

    PLATE_UNREADABLE = "plate_unreadable"
    PLATE_DOUBTFUL = "plate_doubtful"
    PLATE_CLASS = "plate_class"
    """Nobody may be reached by this class of plate."""
    NO_CONTACT = "no_contact"
    CONTACT_DOUBTFUL = "contact_doubtful"
    """Somebody at this number said that the vehicle is not theirs."""
    REGISTER_CONTRADICTS = "register_contradicts"
    """The register knows another vehicle under this plate than the camera saw."""
    OPTED_OUT = "opted_out"
    CAP_REACHED = "cap_reached"
    NOT_DELIVERED = "not_delivered"


class Way(StrEnum):
    """What happens to a case without a reminder."""

    CLOSE = "close"
    ASK_OPERATOR = "ask_operator"
    REFER = "refer"


class Need(StrEnum):
    """What a clause of the evidence standard is for a record."""

    MUST = "must"
    SHOULD = "should"


class ActList(StrEnum):
    """The three lists of the founding document; an act on none of them is ordinary."""

    STRICT = "strict"
    FIRST_TIME_WARNING = "first_time_warning"
    NO_PENALTY = "no_penalty"


class ChannelKind(StrEnum):
    """A way to a driver; which provider is behind it is the machine's business."""

    VOICE = "voice"
    SMS = "sms"
    PUSH = "push"


Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Closed):
    """One value on some days, with the text it comes from.

    Attributes:
        valid_from: The first day.
        valid_until: The last day; without it, until the next entry begins.
        source: The text it comes from.
        region: Whose entry it is, where one region builds on another; the file does not say it.
    """

    valid_from: date = Field(alias="from")
    valid_until: date | None = Field(default=None, alias="until")
    source: Said
    region: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError(f"ends on {self.valid_until}, before it begins on {self.valid_from}")
        return self

    def is_in_force(self, on: date) -> bool:
        """Whether it may be used on `on`, as far as it says itself."""
        return self.valid_from <= on and (self.valid_until is None or on <= self.valid_until)


_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


class DurationEntry(Entry):
    """A length of time."""

    value: float = Field(gt=0, allow_inf_nan=False)
    unit: Literal["s", "min", "h", "d"]

    @property
    def length(self) -> timedelta:
        """The value as a length of time."""
        return timedelta(**{_UNITS[self.unit]: self.value})


class GraceEntry(DurationEntry):
    """A length of time that some kinds of place know otherwise."""

    places: dict[PlaceClass, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)

    def length_at(self, place: PlaceClass) -> timedelta:
        """The length at a kind of place."""
        return timedelta(**{_UNITS[self.unit]: self.places.get(place, self.value)})


class RemindersEntry(Entry):
    """How many reminders."""

    value: int = Field(ge=0)
    unit: Literal["reminders"]


class WorkingDaysEntry(Entry):
    """How many working days."""

    value: int = Field(ge=1)
    unit: Literal["working days"]


class MonthsEntry(Entry):
    """A number of calendar months."""

    value: int = Field(ge=1)
    unit: Literal["months"]

    def before(self, day: date) -> date:
        """The same day of the month so many months earlier, or that month's last day."""
        first = day.replace(day=1)
        for _ in range(self.value):
            first = (first - timedelta(days=1)).replace(day=1)
        _, days = monthrange(first.year, first.month)
        return first.replace(day=min(day.day, days))


class PlacesEntry(Entry):
    """A list of place classes."""

    value: tuple[PlaceClass, ...]
    unit: Literal["place classes"]


class PlatesEntry(Entry):
    """A list of plate classes; marked plates are named by their mark."""

    value: tuple[PlateClass | PlateMark, ...]
    unit: Literal["plate classes"]

    @field_validator("value")
    @classmethod
    def _by_mark(
        cls, value: tuple[PlateClass | PlateMark, ...]
    ) -> tuple[PlateClass | PlateMark, ...]:
        if PlateClass.MARKED in value:
            raise ValueError("marked plates are named by their mark, such as 学")
        return value


class WaysEntry(Entry):
    """What happens without a reminder, for every cause."""

    value: dict[Cause, Way]
    unit: Literal["way per cause"]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _require_all("no way given for", Cause, self.value)
        return self


class EvidenceEntry(Entry):
    """Which clauses of the evidence standard a record must meet, for every clause."""

    value: dict[Clause, Need]
    unit: Literal["need per clause"]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _require_all("nothing said of", Clause, self.value)
        return self

    @property
    def needed(self) -> tuple[Clause, ...]:
        """The clauses without which nothing is confirmed."""
        return tuple(one for one in Clause if self.value[one] is Need.MUST)


class Step(_Closed):
    """One try to reach a driver, `after_s` after the one before failed."""

    channel: ChannelKind
    after_s: float = Field(default=0, ge=0)


class StepsEntry(Entry):
    """The tries to reach a driver, in their order, until one of them is delivered."""

    value: tuple[Step, ...] = Field(min_length=1, max_length=_MAX_TRIES)
    unit: Literal["tries"]


class QuietHours(_Closed):
    """The hours, by the site's clock, in which some channels are silent."""

    begins: time = Field(alias="from")
    ends: time = Field(alias="to")
    channels: tuple[ChannelKind, ...] = Field(min_length=1)

    @field_validator("begins", "ends", mode="before")
    @classmethod
    def _in_quotes(cls, value: object) -> object:
        # YAML reads 22:00 without quotes as the number 1320.
        if isinstance(value, int | float):
            raise ValueError('write the hour in quotes, such as "22:00"')  # noqa: TRY004
        return value

    @model_validator(mode="after")
    def _a_span_of_the_sites_clock(self) -> Self:
        if self.begins.tzinfo or self.ends.tzinfo:
            raise ValueError("it is the site's clock that counts: give no time zone")
        if self.begins == self.ends:
            raise ValueError("begins and ends at the same hour")
        return self


class QuietEntry(Entry):
    """When nobody is disturbed; None where people may be reached at any hour."""

    value: QuietHours | None
    unit: Literal["local time"]


class Act(_Closed):
    """What the law calls a violation type.

    Attributes:
        code: In the table of codes that `source` names.
        name: The law's words.
        article: The article that it breaks and the one that it is punished by.
        is_over: It is over when it is seen, so nobody can be reminded to end it.
        fine: The least and the most that the law allows, in the region's money.
        points: On the licence; None where unknown.
        source: Where all this stands.
    """

    code: str = Field(min_length=1)
    name: LocalName
    article: str = Field(min_length=1)
    is_over: bool = False
    fine: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] | None = None
    points: Annotated[int, Field(ge=0, le=_MAX_POINTS)] | None = None
    source: str = Field(min_length=1)


class ActsEntry(Entry):
    """The acts behind the violation types; what is not here, nobody is held to."""

    value: dict[ViolationType, Act]
    unit: Literal["acts"]


class When(_Closed):
    """The conditions of a row; all that are given must hold.

    Attributes:
        places: Only at these kinds of place.
        vehicle_classes: Only for these.
        is_first: Whether nothing was recorded against the plate within the look-back.
        has_left: Whether the vehicle was seen to leave, if only after its grace period.
        is_reminded: Whether a reminder was delivered.
        stood_at_most_min: How long it stood, as far as the camera saw.
    """

    places: tuple[PlaceClass, ...] | None = None
    vehicle_classes: tuple[VehicleClass, ...] | None = None
    is_first: bool | None = None
    has_left: bool | None = None
    is_reminded: bool | None = None
    stood_at_most_min: float | None = Field(default=None, gt=0)


class ListRow(_Closed):
    """Acts that stand on one of the three lists, under conditions."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    list: ActList
    acts: tuple[ViolationType, ...] = Field(min_length=1)
    when: When = When()
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _strict_is_known_at_once(self) -> Self:
        known_later = (self.when.has_left, self.when.is_reminded, self.when.stood_at_most_min)
        if self.list is ActList.STRICT and any(one is not None for one in known_later):
            raise ValueError("a strict act is handled at once: no condition on what comes later")
        return self


class ListsEntry(Entry):
    """The three lists; of the rows that fit, the first one counts."""

    value: tuple[ListRow, ...]
    unit: Literal["rows"]

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        ids = [row.id for row in self.value]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"two rows are called {twice[0]}")
        return self


class Kept(_Closed):
    """For how many days after a case has ended its pictures and its personal data stay."""

    pictures: int = Field(ge=0)
    person: int = Field(ge=0)

    @model_validator(mode="after")
    def _person_outlives_pictures(self) -> Self:
        if self.person < self.pictures:
            raise ValueError("pictures show a person: they may not stay longer than the person")
        return self


class RetentionEntry(Entry):
    """How long what is kept, for every way in which a case can end."""

    value: dict[Disposition, Kept]
    unit: Literal["days"]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _require_all("nothing said of", Disposition, self.value)
        return self


def _require_all(unsaid: str, names: type[StrEnum], value: Collection[StrEnum]) -> None:
    missing = sorted(set(names) - set(value))
    if missing:
        raise ValueError(f"{unsaid} {', '.join(missing)}")
