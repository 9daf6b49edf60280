import json
from pathlib import Path

import pytest

from pipeline.errors import PermanentError
from pipeline.events import (
    CameraState,
    CameraStatus,
    Envelope,
    Event,
    EventId,
    PlateReading,
    PlateStatus,
    UndecodableEventError,
)
from tests.builders import NOON, a_departure, a_sighting, a_suspicion, an_envelope, seconds

SUSPICION = a_suspicion()
SCHEMAS = Path("pipeline/events/schemas")


@pytest.mark.parametrize(
    "event",
    [
        SUSPICION,
        a_sighting(SUSPICION, NOON + seconds(20.000001)),
        a_departure(SUSPICION, NOON),
        CameraStatus(camera_id="cam-1", captured_at=NOON, state=CameraState.HELD, reason="full"),
    ],
    ids=lambda event: event.type,
)
def test_every_event_comes_back_as_it_was_sent(event: Event) -> None:
    envelope = an_envelope(event)

    assert Envelope.decode(envelope.encode()) == envelope
    assert envelope.subject == event.camera_id


def test_unknown_fields_are_ignored_so_that_a_schema_may_gain_some() -> None:
    raw = json.loads(an_envelope(SUSPICION).encode())
    raw["new"] = raw["data"]["new"] = 1

    assert Envelope.decode(json.dumps(raw).encode()) == an_envelope(SUSPICION)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v": 2}, "v: "),
        ({"id": "no id"}, "id: "),
        ({"data": {"type": "Earthquake"}}, "data: "),
    ],
)
def test_what_this_version_does_not_know_is_undecodable(
    change: dict[str, object], message: str
) -> None:
    raw = json.loads(an_envelope(SUSPICION).encode()) | change

    with pytest.raises(UndecodableEventError, match=message):
        Envelope.decode(json.dumps(raw).encode())


def test_an_event_too_long_for_the_bus_is_refused() -> None:
    plate = PlateReading(status=PlateStatus.DOUBTFUL, text="A" * 9000)

    with pytest.raises(PermanentError, match="limit 8192"):
        an_envelope(a_suspicion(plate=plate)).encode()


def test_an_event_id_reads_back_even_with_dots_in_nothing_but_its_joints() -> None:
    event_id = EventId(source="north-gate", epoch=3, seq=17)

    assert EventId.parse(str(event_id)) == event_id
    with pytest.raises(ValueError, match="not enough values"):
        EventId.parse("north-gate")


def test_the_committed_schema_is_that_of_the_code() -> None:
    committed = json.loads((SCHEMAS / "envelope.v1.json").read_text(encoding="utf-8"))

    assert committed == Envelope.model_json_schema(), "run: make schemas"


@pytest.mark.parametrize("file", sorted(SCHEMAS.glob("golden/*.json")), ids=lambda file: file.stem)
def test_every_message_of_the_past_can_still_be_read(file: Path) -> None:
    envelope = Envelope.decode(file.read_bytes())

    assert envelope.type == file.stem.partition(".")[0]
