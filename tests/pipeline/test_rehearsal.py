"""What a draft would have changed, on a history made by the real worker."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.case import CaseStatus, Disposition
from pipeline.commands import app
from pipeline.errors import BAD_INPUT
from pipeline.events import PlaceClass, PlateReading, PlateStatus
from pipeline.evidence.retention import Part, anonymous, without
from pipeline.policy.deadlines import load_calendar
from pipeline.policy.entries import ChannelKind
from pipeline.policy.parameters import Rulebook, load_rulebook
from pipeline.policy.permits import Permits, load_permits
from pipeline.rehearsal import (
    Count,
    DraftRulebook,
    Ending,
    Label,
    Plan,
    Rehearsal,
    Unknowable,
    rehearse,
    rehearse_together,
)
from pipeline.rehearsal.moment import Moment
from pipeline.rehearsal.words import UNKNOWABLES, Phrase, label_words
from pipeline.reminder import NOT_MINE
from pipeline.sites import SiteState
from pipeline.storage import open_storage
from tests.builders import NOON, a_site, a_suspicion, seconds
from tests.past import (
    LOST,
    NOT_ANSWERED,
    REFUSED,
    UNCERTAIN,
    Act,
    Fate,
    Past,
    Story,
    answer,
    confirm,
    enter,
    give_up,
    suspend,
)

DAY = date(2026, 3, 2)
STRANGER, OPTED_OUT, PERMITTED = "鄂A00001", "鄂A00002", "鄂A00003"
ENDINGS = (Count.CLEARED, Count.REFERRED, Count.OTHERWISE, Count.OPEN, Count.UNKNOWN)
GRACE_5 = {"grace_period": [{"from": DAY, "value": 5, "unit": "min", "source": "a try"}]}


def read(text: str) -> PlateReading:
    return PlateReading(status=PlateStatus.AGREED, text=text, agreeing=5, reads=5)


UNREAD = PlateReading(status=PlateStatus.UNREADABLE)


def a_story(
    plate: str | PlateReading,
    *,
    at_s: float = 0,
    seen_until_s: float = 0,
    left_s: float | None = None,
    place: PlaceClass = PlaceClass.ORDINARY,
    camera_id: str = "cam-1",
    fates: tuple[Fate, ...] = (Fate(),),
    acts: tuple[tuple[float, Act], ...] = (),
) -> Story:
    """A vehicle that is seen each minute."""
    suspicion = a_suspicion(
        at=NOON + seconds(at_s),
        place_class=place,
        camera_id=camera_id,
        plate=read(plate) if isinstance(plate, str) else plate,
    )
    seen = range(60, int(left_s or seen_until_s) + 1, 60)
    return Story(suspicion=suspicion, seen_s=seen, left_s=left_s, fates=fates, acts=acts)


STORIES = {
    "leaves in 4 minutes": a_story("鄂A10000", left_s=240),
    "leaves in 8 minutes": a_story("鄂A10001", left_s=480, at_s=1),
    "stays": a_story("鄂A10002", seen_until_s=900, at_s=2),
    "leaves after its referral": a_story("鄂A10003", left_s=840, at_s=3),
    "is confirmed": a_story("鄂A10004", seen_until_s=800, at_s=4, acts=((1500, confirm()),)),
    "stands strictly": a_story("鄂A10005", seen_until_s=60, at_s=5, place=PlaceClass.STRICT),
    "comes again": a_story("鄂A10005", left_s=300, at_s=120),
    "is reached late": a_story(
        "鄂A10006", seen_until_s=900, at_s=6, fates=(NOT_ANSWERED, REFUSED, Fate())
    ),
    "is never reached": a_story("鄂A10007", left_s=300, at_s=7, fates=(NOT_ANSWERED,)),
    "gets no receipt": a_story("鄂A10008", left_s=1000, at_s=8, fates=(LOST,)),
    "is uncertain": a_story("鄂A10009", left_s=200, at_s=9, fates=(UNCERTAIN,)),
    "is read by a person": a_story(
        UNREAD, left_s=480, at_s=10, acts=((90, enter("鄂A10010")),), camera_id="cam-2"
    ),
    "is given up": a_story(UNREAD, left_s=500, at_s=11, acts=((200, give_up),)),
    "is a stranger": a_story(STRANGER, left_s=500, at_s=12),
    "opted out": a_story(OPTED_OUT, seen_until_s=900, at_s=13),
    "has a permit": a_story(PERMITTED, seen_until_s=60, at_s=14),
    "is on duty": a_story("鄂A1234警", seen_until_s=60, at_s=15),
    "is another's": a_story("鄂A10011", left_s=400, at_s=16, acts=((60, answer(NOT_MINE)),)),
    "is on trial": a_story("鄂A10012", seen_until_s=900, at_s=17, camera_id="trial"),
    "is stopped": a_story(
        "鄂A10013", seen_until_s=300, at_s=18, camera_id="stopped", acts=((100, suspend),)
    ),
    "is read by the camera": replace(
        a_story(UNREAD, left_s=500, at_s=20), read_s=100, reading=read("鄂A10015")
    ),
    "is read in two ways": replace(
        a_story("鄂A10016", seen_until_s=900, at_s=21), read_s=100, reading=read("鄂A10017")
    ),
    "is doubted after its grace": replace(
        a_story("鄂A10018", seen_until_s=900, at_s=22), read_s=610, reading=read("鄂A10019")
    ),
    "leaves quickly elsewhere": a_story("鄂A10014", left_s=100, at_s=19, camera_id="cam-2"),
}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """All stories, as the worker lived them; nothing of it may be changed."""
    folder = tmp_path_factory.mktemp("past")
    sites = [a_site(one) for one in ("cam-1", "cam-2", "stopped")]
    with Past(
        folder,
        sites=[*sites, a_site("trial", SiteState.TRIAL)],
        strangers=[STRANGER],
        opted_out=[OPTED_OUT],
        permits=a_permit(folder),
    ) as past:
        past.tell(*STORIES.values())
        past.wait(timedelta(minutes=10))
        yield past


def a_permit(folder: Path) -> Permits:
    file = folder / "permits.csv"
    file.write_text(
        f"plate,number,valid_from,valid_until\n{PERMITTED},7,2026-01-01,2026-12-31\n",
        encoding="utf-8",
    )
    return load_permits(file)


def draft_file(folder: Path, **lists: object) -> Path:
    head = {"extends": "hubei", "region": "draft", "version": "1", "name": {"zh": "草", "en": "D"}}
    file = folder / "draft.yaml"
    file.write_text(yaml.safe_dump({**head, **lists}, allow_unicode=True), encoding="utf-8")
    return file


def entry(value: object, unit: str, **more: object) -> list[dict[str, object]]:
    return [{"from": DAY, "value": value, "unit": unit, "source": "a try", **more}]


def a_plan(draft: Rulebook, as_of: date | None = None, **changes: Any) -> Plan:
    plan = Plan(
        against=load_rulebook("hubei"),
        draft=DraftRulebook.of(draft, as_of),
        since=DAY,
        until=DAY,
        zone=ZoneInfo("Asia/Shanghai"),
        site=None,
        calendar=load_calendar(),
        kinds=frozenset(ChannelKind),
        cases=50,
    )
    return replace(plan, **changes)


def try_out(past: Past, draft: Rulebook, as_of: date | None = None, **changes: Any) -> Rehearsal:
    with past.storage.read() as uow:
        return rehearse(uow, a_plan(draft, as_of, **changes), lambda _: None)


def try_lists(past: Past, folder: Path, **lists: object) -> Rehearsal:
    return try_out(past, load_rulebook(str(draft_file(folder, **lists))))


def changes(result: Rehearsal) -> dict[str, Label]:
    """The story of each case that changes, and how it ends then."""
    numbers = {story.case_id.hex[:8]: name for name, story in STORIES.items()}
    return {numbers[one.number]: one.after for one in result.changes}


def test_the_replay_does_what_the_worker_did(past: Past) -> None:
    result = try_out(past, load_rulebook("hubei"))

    assert result.check.checked == len(STORIES) - 2
    assert result.check.differing == 0, result.check.numbers
    assert result.check.other_texts == {}
    assert result.before[Count.UNKNOWN] == 0


def test_what_is_counted_is_what_is_stored(past: Past) -> None:
    before = try_out(past, load_rulebook("hubei")).before
    with past.storage.read() as uow:
        cases = uow.cases.find()
        messages = [one for case in cases for one in uow.outbox.of_case(case.id)]

    assert before[Count.CASES] == len(cases)
    assert before[Count.MESSAGES] == len(messages)
    cleared = [one for one in cases if one.disposition is Disposition.CLEARED]
    assert before[Count.CLEARED] == len(cleared)
    at_the_desk = {CaseStatus.IN_REVIEW, CaseStatus.DECIDED}
    assert before[Count.REFERRED] == sum(one.status in at_the_desk for one in cases)
    reached = {one.plate for one in messages if one.status in {"accepted", "delivered"}}
    assert before[Count.PEOPLE] == len(reached)


def test_the_same_rulebook_changes_nothing(past: Past) -> None:
    result = try_out(past, load_rulebook("hubei"))

    assert result.before == result.after
    assert (result.differences, result.moves, result.changes) == ((), (), ())
    assert result.new_decisions == result.spared_decisions == 0


def test_half_the_grace_refers_who_leaves_in_the_other_half(past: Past, tmp_path: Path) -> None:
    result = try_lists(past, tmp_path, **GRACE_5)

    late = {"leaves in 8 minutes", "is read by a person", "is read by the camera"}
    referred = {name for name, to in changes(result).items() if to.ending is Ending.REFERRED}
    assert referred == late | {"is doubted after its grace"}
    assert result.after[Count.CLEARED] == result.before[Count.CLEARED] - len(late)
    assert result.new_decisions == len(late)  # The doubted one is open still.
    assert {(one.rule, one.entry) for one in result.changes} >= {
        ("start_grace", "grace_period from 2026-03-02")
    }
    (difference,) = result.differences
    assert (difference.place, difference.before, difference.after) == (
        "grace_period",
        "10 min",
        "5 min",
    )


def test_a_decision_that_would_not_have_been_needed_is_counted(past: Past, tmp_path: Path) -> None:
    exempt = [*map(str, load_rulebook("hubei").exempt_plates[0].value), "civil"]
    result = try_lists(past, tmp_path, exempt_plates=entry(exempt, "plate classes"))

    assert result.spared_decisions == 1
    assert changes(result)["is confirmed"] == Label(
        ending=Ending.OTHERWISE, detail=Disposition.EXEMPT
    )


STEPS = {"contact_steps": entry([{"channel": "sms"}], "tries")}
NO_STRICT = {"strict_places": entry([], "place classes")}
CAP_0 = {"reminders_per_day": entry(0, "reminders")}
WAYS = load_rulebook("hubei").without_reminder[0].model_dump(mode="json")["value"]
SILENT = {"from": "11:00", "to": "13:00", "channels": ["voice", "sms", "push"]}
GRACE_20 = {"grace_period": entry(20, "min")}


@pytest.mark.parametrize(
    ("name", "lists", "kind"),
    [
        ("stands strictly", NO_STRICT, Unknowable.NEWLY_REMINDED),
        ("stays", CAP_0, Unknowable.NOT_REMINDED),
        ("stays", {"quiet_hours": entry(SILENT, "local time")}, Unknowable.OTHER_TIME),
        ("stays", STEPS, Unknowable.OTHER_TRY),
        ("stays", GRACE_20, Unknowable.CAMERA_STOPPED),
        ("leaves after its referral", GRACE_20, Unknowable.LEFT_AFTER_REFERRAL),
        (
            "opted out",
            {"without_reminder": entry({**WAYS, "opted_out": "ask_operator"}, "way per cause")},
            Unknowable.OPERATOR,
        ),
        ("stands strictly", {**NO_STRICT, **CAP_0}, Unknowable.CONTACT),
        ("comes again", NO_STRICT, Unknowable.OTHER_CASE),
    ],
)
def test_what_the_record_cannot_tell_is_not_guessed(
    past: Past, tmp_path: Path, name: str, lists: dict[str, object], kind: Unknowable
) -> None:
    result = try_lists(past, tmp_path, **lists)

    assert changes(result)[name] == Label(ending=Ending.UNKNOWN, detail=kind)
    numbers = {label: new for label, _, new in result.endings}
    assert numbers[Label(ending=Ending.UNKNOWN, detail=kind)] > 0


def test_a_deleted_plate_matters_only_where_the_draft_treats_plates_otherwise(
    tmp_path: Path,
) -> None:
    stories = [
        a_story("鄂A10000", left_s=480),
        a_story("鄂A10002", seen_until_s=900, at_s=2),
        a_story("鄂A1234警", seen_until_s=60, at_s=15),
    ]
    with Past(tmp_path) as past:
        past.tell(*stories)
        with past.storage.begin() as uow:
            for story in stories:
                for reminder in uow.outbox.of_case(story.case_id):
                    uow.outbox.save(anonymous(reminder))
                case = uow.cases.get(story.case_id)
                assert case is not None
                uow.cases.save(without(Part.PERSON, case, at=past.clock.now()))
            uow.commit()

        same = try_lists(past, tmp_path)
        shorter = try_lists(past, tmp_path, **GRACE_5)
        others = try_lists(past, tmp_path, contact_plates=entry(["civil"], "plate classes"))

    assert same.check.differing == 0
    assert same.before == same.after
    assert shorter.moves[0][0] == Label(ending=Ending.CLEARED)
    assert others.after[Count.UNKNOWN] == others.before[Count.UNKNOWN] == len(stories)
    assert others.endings[0][0].detail == Unknowable.ERASED


def test_a_draft_counts_as_if_in_force_though_it_begins_later(past: Past, tmp_path: Path) -> None:
    later = [{**GRACE_5["grace_period"][0], "from": date(2027, 1, 1)}]
    draft = load_rulebook(str(draft_file(tmp_path, grace_period=later)))

    assert "leaves in 8 minutes" in changes(try_out(past, draft))
    assert changes(try_out(past, draft, as_of=date(2026, 12, 31))) == {}


def test_one_site_alone_counts_as_within_the_whole(past: Past, tmp_path: Path) -> None:
    draft = load_rulebook(str(draft_file(tmp_path, **GRACE_5)))
    whole, alone = try_out(past, draft), try_out(past, draft, site="cam-2")

    (one,) = alone.sites
    assert one in whole.sites
    assert alone.before == one.before
    assert {change.site for change in alone.changes} == {"cam-2"}


def test_only_so_many_changed_cases_are_named(past: Past, tmp_path: Path) -> None:
    draft = load_rulebook(str(draft_file(tmp_path, **STEPS)))

    assert len(try_out(past, draft, cases=2).changes) == 2
    assert try_out(past, draft, cases=0).changes == ()


LISTS = st.fixed_dictionaries(
    {},
    optional={
        "grace_period": st.integers(1, 30).map(lambda n: entry(n, "min")),
        "strict_places": st.sampled_from([[], ["ordinary"], ["strict", "bus_stop"]]).map(
            lambda places: entry(places, "place classes")
        ),
        "reminders_per_day": st.integers(0, 3).map(lambda n: entry(n, "reminders")),
        "freshest_sighting": st.integers(1, 600).map(lambda n: entry(n, "s")),
        "longest_wait": st.integers(5, 3000).map(lambda n: entry(n, "min")),
        "receipt_wait": st.integers(1, 600).map(lambda n: entry(n, "s")),
        "contact_steps": st.lists(
            st.builds(
                lambda channel, after_s: {"channel": channel.value, "after_s": after_s},
                st.sampled_from(ChannelKind),
                st.integers(0, 90),
            ),
            min_size=1,
            max_size=3,
        ).map(lambda steps: entry(steps, "tries")),
        "three_lists": st.just(entry([], "rows")),
    },
)


@given(lists=LISTS)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_per_site_totals_add_up_to_the_whole(
    past: Past, tmp_path: Path, lists: dict[str, object]
) -> None:
    result = try_lists(past, tmp_path, **lists)

    for side, whole in (("before", result.before), ("after", result.after)):
        sites = [getattr(one, side) for one in result.sites]
        for count in set(Count) - {Count.PEOPLE}:
            assert sum(one[count] for one in sites) == whole[count]
        # Who was reminded at two sites is one person.
        assert sum(one[Count.PEOPLE] for one in sites) >= whole[Count.PEOPLE]
        assert whole[Count.CASES] == len(STORIES) == sum(whole[one] for one in ENDINGS)
        proposals = (Count.PENALTY, Count.WARNING, Count.EDUCATION)
        assert whole[Count.REFERRED] == sum(whole[one] for one in proposals)
    assert sum(n for _, _, n in result.moves) == len(result.changes)
    assert result.check.differing == 0


@given(lists=LISTS)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_sightings_that_are_taken_together_change_nothing(
    past: Past, tmp_path: Path, lists: dict[str, object]
) -> None:
    together = try_lists(past, tmp_path, **lists)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Moment, "_only_sightings_until", lambda moment, _: moment._taken)
        one_by_one = try_lists(past, tmp_path, **lists)

    assert together == one_by_one


@pytest.fixture
def command(past: Past, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", past.url)
    return CliRunner()


def test_the_command_prints_both_columns_and_no_plate(
    command: CliRunner, past: Past, tmp_path: Path
) -> None:
    file, out = draft_file(tmp_path, **GRACE_5), tmp_path / "out.json"
    span = ["--since", "2026-03-01", "--until", "2026-03-02"]
    before = _dump(past.url)
    told = command.invoke(app, ["policy", "try", str(file), *span, "--json", str(out)])
    chinese = command.invoke(app, ["policy", "try", str(file), *span, "--lang", "zh"])

    assert told.exit_code == chinese.exit_code == 0
    assert "10 min" in told.stdout
    assert re.search(r"^cleared +referred \(\w+\) +3$", told.stdout, re.MULTILINE)
    assert "及时驶离" in chinese.stdout
    assert f"{len(STORIES)} cases" in told.stderr
    written = out.read_text(encoding="utf-8")
    assert json.loads(written)["after"]["cases"] == len(STORIES)
    assert {*json.loads(written)["words"]} == {*Unknowable}
    for text in (told.output, chinese.output, written):
        assert "鄂A" not in text
        assert not re.search(r"138\*|13800000001", text)
    assert _dump(past.url) == before


def _dump(url: str) -> list[str]:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        rows = [*connection.iterdump()]
    connection.close()
    return rows


def test_a_broken_draft_is_refused_before_anything_is_read(
    command: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REMINDFIRST_STORAGE_URL", f"sqlite:///{tmp_path}/none.db")
    file = draft_file(tmp_path, grace_period=entry(-5, "min"))
    told = command.invoke(
        app, ["policy", "try", str(file), "--since", "2026-03-01", "--until", "2026-03-02"]
    )

    assert told.exit_code == BAD_INPUT
    assert f"{file}: grace_period.0.value: " in told.stderr
    assert "none.db" not in told.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--since", "2026-03-03", "--until", "2026-03-02"], "is before --since"),
        (["--since", "3 March", "--until", "2026-03-02"], "--since: '3 March' is no day"),
        (["--since", "2020-01-01", "--until", "2020-02-01"], "nothing in force on 2020-01-01"),
        (["--since", "2026-03-02", "--until", "2026-03-02", "--json", "/no/where"], "/no/where"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    command: CliRunner, tmp_path: Path, options: list[str], words: str
) -> None:
    told = command.invoke(app, ["policy", "try", str(draft_file(tmp_path)), *options])

    assert told.exit_code == BAD_INPUT
    assert words in told.stderr


def test_days_without_cases_are_said_kindly(command: CliRunner, tmp_path: Path) -> None:
    file = draft_file(tmp_path, **GRACE_5)
    span = ["--since", "2026-04-01", "--until", "2026-04-02", "--site", "cam-1"]
    told = command.invoke(app, ["policy", "try", str(file), *span])

    assert told.exit_code == 0
    assert "No case was opened at cam-1 from 2026-04-01 to 2026-04-02" in told.stdout
    assert "The newest case of all is of 2026-03-02." in told.stdout


def test_a_history_under_another_text_is_said_to_be_one(past: Past, tmp_path: Path) -> None:
    other = load_rulebook(str(draft_file(tmp_path, **GRACE_5)))
    check = try_out(past, other, against=other).check

    assert check.differing > 0
    assert sum(check.other_texts.values()) == len(STORIES)


@pytest.mark.slow
def test_several_processes_come_to_the_same(past: Past, tmp_path: Path) -> None:
    plan = a_plan(load_rulebook(str(draft_file(tmp_path, **GRACE_5))))
    told: list[int] = []
    with closing(open_storage(past.url)) as storage, storage.read() as uow:
        alone = rehearse(uow, plan, told.append)
    together = rehearse_together(past.url, plan, told.append, processes=2)

    assert together == replace(alone, check=replace(alone.check, numbers=together.check.numbers))
    assert {*together.check.numbers} == {*alone.check.numbers}
    assert {1, 2} == {*told}


def test_every_kind_and_phrase_has_its_words() -> None:
    assert {*UNKNOWABLES} == {*Unknowable}
    assert all(phrase.words.zh and phrase.words.en for phrase in Phrase)
    for kind in Unknowable:
        if kind is not Unknowable.DECISION:
            assert "(" in label_words(Label(ending=Ending.UNKNOWN, detail=kind)).en
