"""Figures of a history made by hand, whose truth is known, on both databases."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.case import Case, CaseStatus, Disposition, Outcome, RejectReason, ReviewDecision
from pipeline.clock import ManualClock
from pipeline.events import PlateStatus
from pipeline.evidence.retention import Part, without
from pipeline.figures import Figure, FigureTable, Quantile, Share, read_figures
from pipeline.staff import ReviewerId
from pipeline.storage import Storage, figure_queries
from pipeline.storage.figure_queries import Span
from tests.builders import NOON, a_case, a_plate, a_suspicion, seconds

DAY = timedelta(days=1)
GRACE_S = 600.0


def add(storage: Storage, *cases: Case) -> None:
    with storage.begin() as uow:
        for case in cases:
            uow.cases.add(case)
        uow.commit()


def read(storage: Storage, *, site: str | None = None, **changes: Any) -> FigureTable:
    with storage.read() as uow:
        span = Span(since=NOON - DAY, until=NOON + DAY, site=site, now=uow.now())
        return read_figures(uow, replace(span, **changes))


def figure(table: FigureTable, name: str) -> Figure:
    (found,) = [one for one in table.figures if one.id == name]
    return found


def counted(table: FigureTable, name: str) -> tuple[int, int]:
    """Of how many, how many."""
    found = figure(table, name)
    assert isinstance(found.answer, Share)
    return found.n, found.answer.hits


def delivered(after_s: float = 30.0, **changes: Any) -> Case:
    """A case whose reminder was delivered so long after its suspicion."""
    told = {
        "status": CaseStatus.GRACE,
        "reminder_accepted_at": NOON + seconds(after_s - 1),
        "reminder_delivered_at": NOON + seconds(after_s),
        "grace_ends_at": NOON + seconds(after_s + GRACE_S),
    }
    return a_case(**{**told, **changes})


def closed(case: Case, disposition: Disposition, **changes: Any) -> Case:
    return replace(
        case,
        status=CaseStatus.CLOSED,
        disposition=disposition,
        closed_at=NOON + seconds(9000),
        **changes,
    )


def decided(disposition: Disposition, **changes: Any) -> Case:
    decision = ReviewDecision(
        reviewer_id=ReviewerId("li"), decided_at=NOON + seconds(8000), case_version=1, **changes
    )
    return closed(delivered(review_due_at=NOON + DAY), disposition, decision=decision)


WARNED = {"outcome": Outcome.WARNING}
REJECTED = {"reject_reason": RejectReason.TOO_SHORT}


@pytest.fixture
def late(clock: ManualClock) -> ManualClock:
    """It is hours after everything happened."""
    clock.advance(timedelta(hours=12))
    return clock


def test_who_leaves_within_grace_has_heeded(storage: Storage, late: ManualClock) -> None:
    add(
        storage,
        # Left after 100 s; on the last instant of grace; a second too late; never.
        closed(delivered(), Disposition.CLEARED, left_at=NOON + seconds(130)),
        closed(delivered(), Disposition.CLEARED, left_at=NOON + seconds(30 + GRACE_S)),
        closed(delivered(), Disposition.CONFIRMED, left_at=NOON + seconds(31 + GRACE_S)),
        closed(delivered(), Disposition.UNPROVEN),
        # It had left before the reminder came: that is not to its credit.
        closed(delivered(), Disposition.CLEARED, left_at=NOON + seconds(29)),
        # Left in time as a late word told, after it had gone to review.
        closed(
            delivered(review_due_at=NOON + DAY), Disposition.WITHDRAWN, left_at=NOON + seconds(40)
        ),
        # Nobody was reminded.
        closed(a_case(), Disposition.CLEARED, left_at=NOON + seconds(10)),
    )
    assert counted(read(storage), "heeded_delivered") == (5, 3)
    assert counted(read(storage), "heeded_accepted") == (0, 0)


def test_who_may_still_leave_in_time_is_not_counted_yet(
    storage: Storage, clock: ManualClock
) -> None:
    add(storage, delivered(), closed(delivered(), Disposition.CLEARED, left_at=NOON + seconds(50)))
    clock.advance(seconds(30 + GRACE_S - 1))
    assert counted(read(storage), "heeded_delivered") == (1, 1)

    clock.advance(seconds(1))
    assert counted(read(storage), "heeded_delivered") == (2, 1)


def test_a_reminder_without_a_receipt_is_counted_by_itself(
    storage: Storage, late: ManualClock
) -> None:
    without_receipt: dict[str, Any] = {"reminder_delivered_at": None}
    add(
        storage,
        closed(delivered(**without_receipt), Disposition.CLEARED, left_at=NOON + seconds(130)),
        closed(delivered(**without_receipt), Disposition.UNPROVEN),
        closed(delivered(**without_receipt), Disposition.CLEARED, left_at=NOON + seconds(28)),
        # Accepted, and then it failed: grace was taken back.
        closed(delivered(**without_receipt, grace_ends_at=None), Disposition.UNPROVEN),
    )
    assert counted(read(storage), "heeded_accepted") == (2, 1)
    assert counted(read(storage), "heeded_delivered") == (0, 0)
    assert counted(read(storage), "reached") == (4, 0)


def test_reach_is_of_those_with_a_plate_and_of_all(storage: Storage, late: ManualClock) -> None:
    unreadable = a_suspicion(plate=a_plate(PlateStatus.UNREADABLE))
    doubtful = a_suspicion(plate=a_plate(PlateStatus.DOUBTFUL))
    add(
        storage,
        delivered(),
        closed(delivered(), Disposition.CLEARED),
        a_case(),
        # Another plate was read later: the one that was reminded may not be theirs.
        a_case(is_plate_contradicted=True, reminder_delivered_at=NOON, grace_ends_at=None),
        a_case(unreadable),
        a_case(doubtful),
    )
    assert counted(read(storage), "reached_with_plate") == (3, 2)
    assert counted(read(storage), "reached") == (6, 2)


def test_outcomes_are_counted_of_what_can_have_them(storage: Storage, late: ManualClock) -> None:
    add(
        storage,
        decided(Disposition.CONFIRMED, **WARNED),
        decided(Disposition.CONFIRMED, **WARNED),
        decided(Disposition.ELIMINATED, **WARNED),
        decided(Disposition.EDUCATION, outcome=Outcome.EDUCATION),
        decided(Disposition.REJECTED, **REJECTED),
        closed(delivered(review_due_at=NOON + DAY), Disposition.EXPIRED),
        closed(a_case(), Disposition.WITHDRAWN),
        closed(a_case(), Disposition.UNPROVEN),
        # The operator's rejection is nobody's review.
        closed(a_case(), Disposition.REJECTED),
        a_case(),
        delivered(status=CaseStatus.IN_REVIEW, review_due_at=NOON + DAY),
    )
    table = read(storage)

    assert (table.cases, table.still_open) == (11, 2)
    assert counted(table, "referred") == (11, 7)
    assert counted(table, "confirmed") == (5, 2)
    assert counted(table, "withdrawn") == (9, 1)
    assert counted(table, "unproven") == (9, 1)


def test_a_record_that_a_person_made_is_confirmed_while_it_stands(
    storage: Storage, late: ManualClock
) -> None:
    record = replace(
        decided(Disposition.CONFIRMED, **WARNED), status=CaseStatus.DECIDED, closed_at=None
    )
    add(storage, record)

    assert counted(read(storage), "confirmed") == (1, 1)
    assert read(storage).still_open == 0


def test_the_seconds_to_delivery_have_their_quantiles(storage: Storage, late: ManualClock) -> None:
    add(storage, *(delivered(float(n)) for n in range(1, 101)), a_case())
    found = figure(read(storage), "seconds_to_delivery")

    assert found.n == 100
    assert found.answer == (
        Quantile(share=0.5, value_s=50.0, low_s=40.0, high_s=61.0),
        Quantile(share=0.9, value_s=90.0, low_s=84.0, high_s=96.0),
        Quantile(share=0.99, value_s=99.0, low_s=97.0, high_s=None),
    )


def test_equal_times_are_counted_each(storage: Storage, late: ManualClock) -> None:
    add(storage, *(delivered(2.0) for _ in range(9)), delivered(90.04))
    found = figure(read(storage), "seconds_to_delivery")

    assert isinstance(found.answer, tuple)
    assert [one.value_s for one in found.answer] == [2.0, 2.0, 90.0]


def test_a_share_has_its_interval(storage: Storage, late: ManualClock) -> None:
    gone = [closed(delivered(), Disposition.CLEARED, left_at=NOON + seconds(60)) for _ in range(8)]
    add(storage, *gone, *(closed(delivered(), Disposition.UNPROVEN) for _ in range(2)))
    share = figure(read(storage), "heeded_delivered").answer

    assert isinstance(share, Share)
    assert share.value == 0.8
    assert (share.low, share.high) == pytest.approx((0.490, 0.943), abs=0.0005)


def test_without_cases_there_is_no_share(storage: Storage) -> None:
    table = read(storage)

    assert table.cases == 0
    for one in table.figures:
        assert one.n == 0
        assert one.answer == (
            ()
            if one.id == "seconds_to_delivery"
            else Share(hits=0, value=None, low=None, high=None)
        )


def test_a_span_begins_with_its_first_instant_and_ends_before_its_last(
    storage: Storage, late: ManualClock
) -> None:
    add(storage, *(a_case(a_suspicion(at=NOON + seconds(n))) for n in range(5)))

    table = read(storage, since=NOON + seconds(1), until=NOON + seconds(4))
    assert (table.cases, table.still_open) == (3, 3)


def test_one_site_is_counted_alone(storage: Storage, late: ManualClock) -> None:
    add(
        storage,
        delivered(),
        closed(
            replace(delivered(), camera_id="cam-2"), Disposition.CLEARED, left_at=NOON + seconds(40)
        ),
    )
    table = read(storage, site="cam-2")

    assert table.cases == 1
    assert counted(table, "heeded_delivered") == (1, 1)
    assert figure(table, "seconds_to_delivery").n == 1


def test_a_purge_changes_no_figure(storage: Storage, late: ManualClock) -> None:
    case = closed(delivered(), Disposition.CLEARED, left_at=NOON + seconds(130))
    add(storage, case, closed(delivered(), Disposition.UNPROVEN))
    before = read(storage)
    with storage.begin() as uow:
        purged = uow.cases.save(without(Part.PICTURES, case, at=uow.now()))
        uow.cases.save(without(Part.PERSON, purged, at=uow.now()))
        uow.commit()

    assert read(storage) == before


@pytest.fixture
def executed() -> Iterator[list[tuple[str, str]]]:
    """Each published text that goes to a database, and what its driver gets."""
    seen: list[tuple[str, str]] = []

    def note(*given: Any) -> None:
        _, _, statement, _, context, _ = given
        told = context.compiled and context.compiled.statement
        if isinstance(told, sa.TextClause):
            seen.append((told.text, statement))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_the_query_that_is_printed_is_the_query_that_is_run(
    storage: Storage, executed: list[tuple[str, str]]
) -> None:
    table = read(storage)

    assert [text for text, _ in executed] == [
        figure_queries.CASES,
        *(one.query for one in table.figures),
    ]
    for text, sent in executed:
        # The driver's text differs in the names of the parameters alone.
        pieces = re.split(r":(?:since|until|site|now)", text)
        assert re.fullmatch(".+?".join(map(re.escape, pieces)), sent)


def test_every_query_counts_cases_of_the_span_and_names_nobody() -> None:
    queries = [
        value
        for name, value in vars(figure_queries).items()
        if name.isupper() and isinstance(value, str)
    ]
    assert len(queries) == 10
    for query in queries:
        assert "suspected_at >= :since AND suspected_at < :until" in query
        assert "camera_id = COALESCE(:site, camera_id)" in query
        for word in ("plate,", "phone", "person", "reviewer", "document", "ORDER BY COUNT"):
            assert word not in query
