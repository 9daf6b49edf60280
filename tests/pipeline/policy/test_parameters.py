"""Rulebooks: the date picks the entry, what is wrong is refused, and every change is an edition."""

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from pipeline.events import PlaceClass
from pipeline.policy.entries import ActList, Entry, MonthsEntry
from pipeline.policy.evidence_standard import Clause
from pipeline.policy.parameters import Rulebook, RulebookError, load_rulebook, shipped_rulebooks
from tests.pipeline.policy.drafts import (
    GENERIC,
    entry,
    extending,
    graces,
    minutes_on,
    on_its_own,
    written,
)

LISTS = [name for name in Rulebook.model_fields if name not in {"region", "version", "name"}]
DAY = timedelta(days=1)


def row(**fields: object) -> dict[str, object]:
    return {"id": "a-row", "list": "strict", "acts": ["parked"], "source": "test"} | fields


def test_a_folder_of_rulebooks_has_four_of_them() -> None:
    assert shipped_rulebooks() == ["demo", "england", "generic", "hubei"]


@pytest.mark.parametrize("name", shipped_rulebooks())
def test_every_shipped_rulebook_is_whole(name: str) -> None:
    book = load_rulebook(name)

    assert book.region == name
    for each in LISTS:
        entries: tuple[Entry, ...] = getattr(book, each)
        assert all(one.source.strip() and one.region for one in entries), each
        assert entries[-1].valid_until is None, each
        assert all(one.valid_until == after.valid_from - DAY for one, after in pairwise(entries)), (
            each
        )


@pytest.mark.parametrize("name", shipped_rulebooks())
def test_every_row_and_every_act_of_a_shipped_rulebook_has_its_own_source(name: str) -> None:
    book = load_rulebook(name)
    rows = [one for lists in book.three_lists for one in lists.value]
    acts = [one for entry in book.acts for one in entry.value.values()]

    assert all(one.source.strip() for one in rows)
    assert all(one.source.strip() and one.article.strip() for one in acts)


@pytest.mark.parametrize("name", shipped_rulebooks())
def test_no_shipped_rulebook_has_a_strict_act_that_the_law_does_not_name(name: str) -> None:
    book = load_rulebook(name)
    today = date(2026, 3, 2)
    acts = book.in_force(book.acts, today).value
    rows = book.in_force(book.three_lists, today).value

    assert all(act in acts for one in rows if one.list is ActList.STRICT for act in one.acts)


@pytest.mark.parametrize("missing", LISTS)
def test_a_rulebook_without_one_of_its_lists_is_refused(tmp_path: Path, missing: str) -> None:
    name = on_its_own(
        tmp_path, "draft", **{key: value for key, value in GENERIC.items() if key != missing}
    )

    with pytest.raises(RulebookError, match=rf"draft\.yaml: {missing}: Field required; add it"):
        load_rulebook(name)


def test_the_date_picks_the_entry_whatever_their_order_in_the_file(tmp_path: Path) -> None:
    book = load_rulebook(written(tmp_path, grace_period=graces("2026-06-01", "2026-01-01")))

    assert minutes_on(book, "2026-05-31") == 2
    assert minutes_on(book, "2026-06-01") == 1


def test_a_date_before_the_first_entry_is_an_error(tmp_path: Path) -> None:
    book = load_rulebook(written(tmp_path, grace_period=graces("2026-06-01")))

    with pytest.raises(RulebookError, match="the first entry starts 2026-06-01"):
        minutes_on(book, "2026-05-31")


def test_a_place_may_have_a_grace_of_its_own(tmp_path: Path) -> None:
    grace = entry(10, "min", places={"bus_stop": 2})
    book = load_rulebook(written(tmp_path, grace_period=[grace]))

    (known,) = book.grace_period
    assert known.length_at(PlaceClass.BUS_STOP) == timedelta(minutes=2)
    assert known.length_at(PlaceClass.ORDINARY) == timedelta(minutes=10)


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "a gap in the dates": (
        {"grace_period": graces("2026-01-01 2026-01-31", "2026-03-01")},
        (
            "draft.yaml: grace_period: nothing is in force between 2026-01-31 and 2026-03-01; "
            "close the gap"
        ),
    ),
    "two entries for one day": (
        {"grace_period": graces("2026-01-01 2026-03-01", "2026-03-01")},
        (
            "draft.yaml: grace_period: the entry from 2026-01-01 overlaps the one from 2026-03-01; "
            "let it end on 2026-02-28"
        ),
    ),
    "two entries from one day on": (
        {"grace_period": graces("2026-01-01", "2026-01-01")},
        "draft.yaml: grace_period: two entries start on the same day, 2026-01-01",
    ),
    "a last entry that ends": (
        {"grace_period": graces("2026-01-01 2026-12-31")},
        (
            "draft.yaml: grace_period: nothing is in force after 2026-12-31; "
            "add an entry, or leave out `until`"
        ),
    ),
    "an end before the beginning": (
        {"grace_period": graces("2026-03-02 2026-03-01")},
        "draft.yaml: grace_period.0: ends on 2026-03-01, before it begins on 2026-03-02",
    ),
    "a list without an entry": (
        {"grace_period": []},
        "draft.yaml: grace_period: Tuple should have at least 1 item",
    ),
    "a value without a source": (
        {"grace_period": [{"from": date(2026, 1, 1), "value": 1, "unit": "s"}]},
        "draft.yaml: grace_period.0.source: Field required; add it",
    ),
    "a value with an empty source": (
        {"grace_period": [entry(1, "min", source="")]},
        "draft.yaml: grace_period.0.source: String should have at least 1 character",
    ),
    "a unit that nobody knows": (
        {"grace_period": [entry(1, "weeks")]},
        "draft.yaml: grace_period.0.unit: Input should be 's', 'min', 'h' or 'd'",
    ),
    "a grace of no time": (
        {"grace_period": [entry(0, "min")]},
        "draft.yaml: grace_period.0.value: Input should be greater than 0",
    ),
    "a word that nobody knows": (
        {"surprise": 1},
        "draft.yaml: surprise: Extra inputs are not permitted; remove it, or look for a slip",
    ),
    "a word in an entry that nobody knows": (
        {"grace_period": [entry(1, "min", untill=date(2026, 2, 1))]},
        "draft.yaml: grace_period.0.untill: Extra inputs are not permitted; remove it",
    ),
    "a row about something that no camera sees": (
        {"three_lists": [entry([row(acts=["flying"])], "rows")]},
        "draft.yaml: three_lists.0.value.0.acts.0: Input should be 'parked', ",
    ),
    "a row about an act that the rulebook lacks": (
        {
            "acts": [entry({"bus_lane": GENERIC["acts"][0]["value"]["bus_lane"]}, "acts")],
            "three_lists": [entry([row()], "rows")],
        },
        "draft.yaml: three_lists: row a-row: no act for parked in acts",
    ),
    "two rows of one name": (
        {"three_lists": [entry([row(), row()], "rows")]},
        "draft.yaml: three_lists.0: two rows are called a-row",
    ),
    "a strict row that waits for the vehicle to leave": (
        {"three_lists": [entry([row(when={"has_left": True})], "rows")]},
        (
            "draft.yaml: three_lists.0.value.0: a strict act is handled at once: "
            "no condition on what comes later"
        ),
    ),
    "a strict row that waits for a reminder": (
        {"three_lists": [entry([row(when={"is_reminded": False})], "rows")]},
        "draft.yaml: three_lists.0.value.0: a strict act is handled at once",
    ),
    "a strict row that waits for how long it stood": (
        {"three_lists": [entry([row(when={"stood_at_most_min": 5})], "rows")]},
        "draft.yaml: three_lists.0.value.0: a strict act is handled at once",
    ),
    "pictures that outlive the person": (
        {
            "retention": [
                entry(
                    GENERIC["retention"][0]["value"] | {"cleared": {"pictures": 31, "person": 30}},
                    "days",
                )
            ]
        },
        (
            "draft.yaml: retention.0.value.cleared: pictures show a person: "
            "they may not stay longer than the person"
        ),
    ),
    "no word on how long something is kept": (
        {"retention": [entry({"cleared": {"pictures": 1, "person": 1}}, "days")]},
        "draft.yaml: retention.0: nothing said of confirmed, education",
    ),
    "no word on what happens without a reminder": (
        {"without_reminder": [entry({"no_contact": "close"}, "way per cause")]},
        "draft.yaml: without_reminder.0: no way given for cap_reached",
    ),
    "no word on some clauses of the evidence": (
        {"evidence_clauses": [entry({"clock": "must"}, "need per clause")]},
        "draft.yaml: evidence_clauses.0: nothing said of colour",
    ),
    "no try at all": (
        {"contact_steps": [entry([], "tries")]},
        "draft.yaml: contact_steps.0.value: Tuple should have at least 1 item",
    ),
    "a look-back of no months": (
        {"first_offence": [entry(0, "months")]},
        "draft.yaml: first_offence.0.value: Input should be greater than or equal to 1",
    ),
    "a region whose name cannot be a file's": (
        {"region": "New Land"},
        "draft.yaml: region: String should match pattern",
    ),
}


@pytest.mark.parametrize("slip", REFUSED)
def test_a_slip_is_refused_with_its_file_its_place_and_what_is_wrong(
    tmp_path: Path, slip: str
) -> None:
    changes, message = REFUSED[slip]
    with pytest.raises(RulebookError) as told:
        load_rulebook(written(tmp_path, **changes))

    assert message in str(told.value)


# What is taken today and should not be; each with what makes it wrong.
TAKEN: dict[str, dict[str, object]] = {
    "a source of blanks": {"grace_period": [entry(1, "min", source=" ")]},
    "an endless grace": {"grace_period": [entry(float("inf"), "min")]},
    "a deadline in reminders": {"review_deadline": [entry(5, "reminders")]},
    "a cap in working days": {"reminders_per_day": [entry(1, "working days")]},
    "quiet hours written as a number": {
        "quiet_hours": [entry({"from": 1320, "to": "07:00", "channels": ["voice"]}, "local time")]
    },
    "quiet hours by another clock": {
        "quiet_hours": [
            entry({"from": "22:00Z", "to": "07:00Z", "channels": ["voice"]}, "local time")
        ]
    },
    "quiet hours that never end": {
        "quiet_hours": [
            entry({"from": "07:00", "to": "07:00", "channels": ["voice"]}, "local time")
        ]
    },
    "marked plates without their mark": {"exempt_plates": [entry(["marked"], "plate classes")]},
    "acts that end while a row still names them": {
        "acts": [*GENERIC["acts"], entry({}, "acts", **{"from": date(2026, 1, 1)})]
    },
}


@pytest.mark.parametrize("slip", TAKEN)
def test_a_slip_that_would_show_only_in_a_case_is_refused(tmp_path: Path, slip: str) -> None:
    with pytest.raises(RulebookError):
        load_rulebook(written(tmp_path, **TAKEN[slip]))


def test_a_list_that_stands_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    name = written(tmp_path)
    with Path(name).open("a", encoding="utf-8") as file:
        file.write(yaml.safe_dump({"grace_period": graces("2020-01-01")}))

    with pytest.raises(RulebookError, match="grace_period"):
        load_rulebook(name)


def test_hubei_confirms_nothing_smaller_than_the_standard_asks_for() -> None:
    book = load_rulebook("hubei")
    needed = book.in_force(book.evidence_clauses, date(2026, 1, 1)).needed

    assert Clause.SIZE in needed
    assert Clause.COLOUR not in needed


def test_a_rulebook_that_is_not_there_names_the_shipped_ones() -> None:
    with pytest.raises(RulebookError, match="demo, england, generic, hubei"):
        load_rulebook("atlantis")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "no valid YAML"),
        (b"\xff\xfe", "no valid YAML"),
        (b"", "must be a set of names and values"),
        (b"grace_period: [{from: 2026-02-30}]", "day is out of range for month"),
    ],
    ids=["broken YAML", "no UTF-8", "an empty file", "a day that is in no calendar"],
)
def test_a_file_that_is_no_rulebook_is_refused_by_its_name(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "draft.yaml"
    file.write_bytes(content)

    with pytest.raises(RulebookError, match=rf"draft\.yaml: .*{message}"):
        load_rulebook(str(file))


CHANGED: dict[str, object] = {
    "region": "elsewhere",
    "version": "2",
    "name": {"zh": "别处", "en": "Elsewhere"},
    "freshest_sighting": [entry(4, "min")],
    "grace_period": [entry(11, "min")],
    "receipt_wait": [entry(3, "min")],
    "longest_wait": [entry(25, "h")],
    "contact_steps": [entry([{"channel": "sms", "after_s": 1}], "tries")],
    "quiet_hours": [
        entry({"from": "22:00", "to": "07:00", "channels": ["sms"]}, "local time"),
    ],
    "reminders_per_day": [entry(2, "reminders")],
    "reminders_per_month": [entry(5, "reminders")],
    "review_deadline": [entry(6, "working days")],
    "first_offence": [entry(7, "months")],
    "strict_places": [entry(["strict"], "place classes")],
    "exempt_plates": [entry(["embassy"], "plate classes")],
    "contact_plates": [entry(["civil"], "plate classes")],
    "without_reminder": [
        entry(GENERIC["without_reminder"][0]["value"] | {"no_contact": "close"}, "way per cause")
    ],
    "acts": [
        entry(
            GENERIC["acts"][0]["value"]
            | {"parked": GENERIC["acts"][0]["value"]["parked"] | {"fine": [1, 2]}},
            "acts",
        )
    ],
    "three_lists": [entry([], "rows")],
    "evidence_clauses": [
        entry(GENERIC["evidence_clauses"][0]["value"] | {"clock": "must"}, "need per clause")
    ],
    "retention": [
        entry(GENERIC["retention"][0]["value"] | {"cleared": {"pictures": 1, "person": 30}}, "days")
    ],
}


def test_every_part_of_a_rulebook_is_changed_once_below() -> None:
    assert set(CHANGED) == set(Rulebook.model_fields)


@pytest.mark.parametrize("part", CHANGED)
def test_the_edition_changes_with_every_part_of_the_rulebook(tmp_path: Path, part: str) -> None:
    before = load_rulebook(written(tmp_path))
    dated = CHANGED[part]
    if isinstance(dated, list):
        dated = [dated[0] | {"from": date(2020, 1, 1)}]
    after = load_rulebook(written(tmp_path, "other", **{part: dated}))

    assert after.edition != before.edition


@pytest.mark.parametrize(
    "change",
    [{"value": 11}, {"unit": "h"}, {"source": "another text"}, {"from": date(2020, 1, 2)}],
    ids=["its value", "its unit", "its source", "its first day"],
)
def test_the_edition_changes_with_every_part_of_an_entry(
    tmp_path: Path, change: dict[str, object]
) -> None:
    before = load_rulebook(written(tmp_path))
    (grace,) = GENERIC["grace_period"]
    after = load_rulebook(written(tmp_path, "other", grace_period=[grace | change]))

    assert after.edition != before.edition


def test_the_edition_of_a_region_changes_with_the_region_above(tmp_path: Path) -> None:
    extending(tmp_path, "province", "generic", grace_period=graces("2026-01-01"))
    city = extending(tmp_path, "city", "province.yaml")
    before = load_rulebook(city).edition
    extending(tmp_path, "province", "generic", grace_period=graces("2026-01-02"))

    assert load_rulebook(city).edition != before


def test_the_edition_is_the_same_for_the_same_text(tmp_path: Path) -> None:
    assert load_rulebook(written(tmp_path)).edition == load_rulebook(written(tmp_path)).edition
    assert load_rulebook("hubei").edition.startswith("hubei 2026.1 ")


def test_a_copy_with_another_value_has_another_edition() -> None:
    book = load_rulebook("generic")
    before = book.edition

    assert book.model_copy(update={"version": "2"}).edition != before


@pytest.mark.parametrize(
    ("months", "day", "before"),
    [
        (1, "2026-01-15", "2025-12-15"),
        (1, "2026-03-31", "2026-02-28"),
        (1, "2024-03-31", "2024-02-29"),
        (6, "2026-03-02", "2025-09-02"),
        (6, "2026-08-31", "2026-02-28"),
        (12, "2026-12-31", "2025-12-31"),
        (12, "2028-02-29", "2027-02-28"),
        (18, "2026-06-30", "2024-12-30"),
    ],
)
def test_months_are_looked_back_by_the_calendar(months: int, day: str, before: str) -> None:
    known = MonthsEntry.model_validate(entry(months, "months"))

    assert known.before(date.fromisoformat(day)) == date.fromisoformat(before)
