"""Values for tests, each right by default and changed where a test cares."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa

from pipeline.case import Case, open_case
from pipeline.events import (
    DepartureKind,
    Envelope,
    Event,
    EventId,
    EvidenceRef,
    LocalName,
    PlaceClass,
    PlateReading,
    PlateStatus,
    VehicleClass,
    VehicleDeparted,
    ViolationOngoing,
    ViolationSuspected,
    ViolationType,
)
from pipeline.sites import Site, SiteState
from pipeline.staff import Qualification, Reviewer, ReviewerId, Role

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""A Monday, 12:00 in Shanghai."""
PLATE = "鄂A12345"


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


def a_ref(at: datetime = NOON, digit: str = "a") -> EvidenceRef:
    return EvidenceRef(sha256=digit * 64, media_type="image/jpeg", size_bytes=1000, captured_at=at)


def a_plate(status: PlateStatus = PlateStatus.AGREED, reads: int = 5) -> PlateReading:
    text = None if status is PlateStatus.UNREADABLE else PLATE
    return PlateReading(status=status, text=text, agreeing=reads, reads=reads)


def a_suspicion(
    *,
    at: datetime = NOON,
    camera_id: str = "cam-1",
    episode_id: UUID | None = None,
    place_class: PlaceClass = PlaceClass.ORDINARY,
    plate: PlateReading | None = None,
) -> ViolationSuspected:
    return ViolationSuspected(
        camera_id=camera_id,
        episode_id=episode_id or uuid4(),
        captured_at=at,
        violation_type=ViolationType.PARKED,
        zone_id="kerb",
        zone_name=LocalName(zh="路边", en="Kerb"),
        zone_version=1,
        place_class=place_class,
        vehicle_class=VehicleClass.CAR,
        stood_since_at=at - seconds(5),
        observed_s=5,
        dwell_limit_s=5,
        moved_ratio=0.01,
        box=(0.2, 0.3, 0.5, 0.6),
        plate=plate or a_plate(),
        panorama=a_ref(at),
        crop=a_ref(at, "b"),
        drawn=a_ref(at, "c"),
        detector_version="0",
        model_version="test",
    )


def a_sighting(
    suspicion: ViolationSuspected, at: datetime, plate: PlateReading | None = None
) -> ViolationOngoing:
    return ViolationOngoing(
        camera_id=suspicion.camera_id,
        episode_id=suspicion.episode_id,
        captured_at=at,
        observed_s=5 + (at - suspicion.captured_at).total_seconds(),
        moved_ratio=0.02,
        box=suspicion.box,
        plate=plate or suspicion.plate,
        panorama=a_ref(at, "d"),
        drawn=a_ref(at, "e"),
    )


def a_departure(suspicion: ViolationSuspected, at: datetime) -> VehicleDeparted:
    return VehicleDeparted(
        camera_id=suspicion.camera_id,
        episode_id=suspicion.episode_id,
        captured_at=at + seconds(2),
        left_at=at,
        kind=DepartureKind.DROVE_OFF,
    )


def an_envelope(event: Event, seq: int = 0, source: str = "test") -> Envelope:
    return Envelope.wrap(event, EventId(source=source, epoch=1, seq=seq))


def a_case(suspicion: ViolationSuspected | None = None, **changes: object) -> Case:
    case = open_case(suspicion or a_suspicion(), opened_at=NOON)
    return replace(case, **changes)  # type: ignore[arg-type]


def a_site(camera_id: str = "cam-1", state: SiteState = SiteState.ACTIVE) -> Site:
    return Site(
        camera_id=camera_id,
        name=LocalName(zh="解放路口", en="Jiefang junction"),
        road=LocalName(zh="解放路", en="Jiefang Road"),
        time_zone="Asia/Shanghai",
        region="demo",
        state=state,
        published_on=date(2026, 1, 1),
        calibrated_until=date(2026, 12, 31),
    )


def a_reviewer(
    person_id: str = "li", roles: frozenset[Role] = frozenset({Role.OPERATOR, Role.REVIEWER})
) -> Reviewer:
    return Reviewer(
        id=ReviewerId(person_id),
        name=person_id.title(),
        unit="unit-1",
        roles=roles,
        qualification=Qualification(
            number="Q-1", valid_from=date(2025, 1, 1), valid_until=date(2026, 12, 31)
        ),
    )


def by_hand(storage_url: str, sql: str) -> None:
    """Do to a database what the program itself never does."""
    engine = sa.create_engine(storage_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(sql)
    engine.dispose()
