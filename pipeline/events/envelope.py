"""The one message format of the bus: JSON in an envelope with CloudEvents field names."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import PermanentError
from pipeline.events.camera import CameraStatus
from pipeline.events.evidence import EvidenceRef
from pipeline.events.violation import VehicleDeparted, ViolationOngoing, ViolationSuspected

__all__ = ["MAX_EVENT_BYTES", "Envelope", "Event", "EventId", "UndecodableEventError"]

MAX_EVENT_BYTES = 8192

Event = ViolationSuspected | ViolationOngoing | VehicleDeparted | CameraStatus


class UndecodableEventError(PermanentError):
    """A message that is no event of a version this code knows; it belongs in the dead letters."""


class EventId(BaseModel):
    """Who said it, in which run of that source, and as which of its messages; given once."""

    model_config = ConfigDict(frozen=True)

    source: str = Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    epoch: int = Field(ge=1)
    seq: int = Field(ge=0)

    def __str__(self) -> str:
        """The id as it stands on the wire: `source.epoch.seq`."""
        return f"{self.source}.{self.epoch}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `source.epoch.seq`.

        Raises:
            ValueError: the text has another form.
        """
        source, epoch, seq = text.rsplit(".", 2)
        return cls(source=source, epoch=int(epoch), seq=int(seq))


class Envelope(BaseModel):
    """One event on its way: CloudEvents names around our own payload.

    `time` repeats the event's `captured_at`; `subject` is the camera id, which is the bus key.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*\.[1-9][0-9]*\.[0-9]+$")
    source: str
    type: str
    v: Literal[1] = 1
    subject: str
    time: AwareDatetime
    data: Annotated[Event, Field(discriminator="type")]

    @classmethod
    def wrap(cls, event: Event, event_id: EventId) -> Self:
        """Put an event into its envelope."""
        return cls(
            id=str(event_id),
            source=event_id.source,
            type=event.type,
            subject=event.camera_id,
            time=event.captured_at,
            data=event,
        )

    @property
    def pictures(self) -> tuple[EvidenceRef, ...]:
        """The stored files that the event names."""
        return tuple(one for _, one in self.data if isinstance(one, EvidenceRef))

    def encode(self) -> bytes:
        """The message as UTF-8 JSON.

        Raises:
            PermanentError: longer than `MAX_EVENT_BYTES`.
        """
        raw = self.model_dump_json().encode()
        if len(raw) > MAX_EVENT_BYTES:
            raise PermanentError(f"event {self.id}: {len(raw)} bytes, limit {MAX_EVENT_BYTES}")
        return raw

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read one message.

        Raises:
            UndecodableEventError: too long, no JSON, an unknown version or type, a field missing.
        """
        if len(raw) > MAX_EVENT_BYTES:
            raise UndecodableEventError(f"{len(raw)} bytes, limit {MAX_EVENT_BYTES}")
        try:
            return cls.model_validate_json(raw)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "message"
            raise UndecodableEventError(f"{place}: {first['msg']}") from exc
