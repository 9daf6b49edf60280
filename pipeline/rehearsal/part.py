"""What is counted of some of the cases, and how such parts become the whole."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from pipeline.rehearsal.draft import differences
from pipeline.rehearsal.outcome import Ending, Label, Played, first_difference
from pipeline.rehearsal.plan import Plan
from pipeline.rehearsal.recorded import Recorded
from pipeline.rehearsal.result import Change, Rehearsal, SelfCheck, SiteTotals
from pipeline.rehearsal.totals import Tally
from pipeline.sites import Site

__all__ = ["Part"]

_NAMED = 20
"""So many cases are named where the replay did not do what happened."""


@dataclass(kw_only=True)
class _Sides:
    before: Tally = field(default_factory=Tally)
    after: Tally = field(default_factory=Tally)

    def add(self, before: Played, after: Played, person: str) -> None:
        self.before.add(before, person)
        self.after.add(after, person)

    def join(self, other: "_Sides") -> None:
        self.before.join(other.before)
        self.after.join(other.after)


@dataclass(kw_only=True)
class Part:
    """The counts of the cases taken so far; see `Rehearsal` for what they mean.

    Attributes:
        cases: So many changed ones are kept, of those that are known and of the others.
        whole: All counts.
        per_site: The same per camera.
        moves: From which ending to which.
        known: The first cases whose other ending is known.
        unknown: The first ones that cannot be known any more.
        new_decisions: Referrals that nobody has decided.
        spared_decisions: Decisions that would not have been needed.
        checked: Cases that policy alone decided.
        differing: How many of them went another way in the replay.
        numbers: The first of these.
        other_texts: Cases by other texts of the rulebook.
    """

    cases: int
    whole: _Sides = field(default_factory=_Sides)
    per_site: defaultdict[str, _Sides] = field(default_factory=lambda: defaultdict(_Sides))
    moves: Counter[tuple[Label, Label]] = field(default_factory=Counter)
    known: list[Change] = field(default_factory=list)
    unknown: list[Change] = field(default_factory=list)
    new_decisions: int = 0
    spared_decisions: int = 0
    checked: int = 0
    differing: int = 0
    numbers: list[str] = field(default_factory=list)
    other_texts: Counter[str] = field(default_factory=Counter)

    def take(self, recorded: Recorded, before: Played, after: Played) -> None:
        """Count a case as it ended under both rulebooks."""
        case = recorded.case
        person = case.plate.text or str(case.id)
        self.whole.add(before, after, person)
        self.per_site[case.camera_id].add(before, after, person)
        self.new_decisions += after.needs_decision
        is_spared = after.ending not in {Ending.REFERRED, Ending.UNKNOWN}
        self.spared_decisions += is_spared and case.decision is not None
        if before.label != after.label:
            self.moves[before.label, after.label] += 1
            found = self.unknown if after.ending is Ending.UNKNOWN else self.known
            if len(found) < self.cases:
                found.append(_change(recorded, before, after))

    def check(self, recorded: Recorded, before: Played, edition: str) -> None:
        """Hold the replay under the rulebook in force, of that edition, against what happened."""
        if recorded.edition not in {"", edition}:
            self.other_texts[recorded.edition] += 1
        if recorded.was_guided or not recorded.path:
            return
        self.checked += 1
        if not _is_as_it_was(recorded, before):
            self.differing += 1
            self.numbers = [*self.numbers, recorded.case.number][:_NAMED]

    def join(self, other: "Part") -> None:
        """Take in the counts of other cases, of other vehicles."""
        self.whole.join(other.whole)
        for camera_id, sides in other.per_site.items():
            self.per_site[camera_id].join(sides)
        self.moves += other.moves
        self.known = self._first(self.known, other.known)
        self.unknown = self._first(self.unknown, other.unknown)
        self.new_decisions += other.new_decisions
        self.spared_decisions += other.spared_decisions
        self.checked += other.checked
        self.differing += other.differing
        self.numbers = [*self.numbers, *other.numbers][:_NAMED]
        self.other_texts += other.other_texts

    def _first(self, one: list[Change], other: list[Change]) -> list[Change]:
        return sorted((*one, *other), key=attrgetter("opened_at", "number"))[: self.cases]

    def result(self, plan: Plan, sites: Mapping[str, Site]) -> Rehearsal:
        """What came of all cases."""
        return Rehearsal(
            since=plan.since,
            until=plan.until,
            site=plan.site,
            against=plan.against.edition,
            draft=plan.draft.own_edition,
            counts_from=plan.draft.counts_from,
            differences=tuple(differences(plan.against, plan.draft, plan.since, plan.until)),
            before=self.whole.before.totals,
            after=self.whole.after.totals,
            endings=tuple(sorted(self._endings(), key=_by_number)),
            new_decisions=self.new_decisions,
            spared_decisions=self.spared_decisions,
            sites=tuple(self._site(one, sites.get(one)) for one in sorted(self.per_site)),
            moves=tuple(sorted(self._moves(), key=_by_number)),
            changes=tuple([*self.known, *self.unknown][: self.cases]),
            check=SelfCheck(
                checked=self.checked,
                differing=self.differing,
                numbers=tuple(self.numbers),
                other_texts=dict(self.other_texts),
            ),
        )

    def _moves(self) -> Iterator[tuple[Label, Label, int]]:
        for (old, new), number in self.moves.items():
            yield old, new, number

    def _endings(self) -> Iterator[tuple[Label, int, int]]:
        before, after = self.whole.before.details, self.whole.after.details
        for label in {*before, *after}:
            if label.ending in {Ending.OTHERWISE, Ending.UNKNOWN}:
                yield label, before[label], after[label]

    def _site(self, camera_id: str, site: Site | None) -> SiteTotals:
        sides = self.per_site[camera_id]
        return SiteTotals(
            camera_id=camera_id,
            name=site.name if site else None,
            before=sides.before.totals,
            after=sides.after.totals,
        )


def _by_number(row: tuple[Label | int, ...]) -> tuple[int, str]:
    """The largest numbers first, and the same order in every run."""
    return -sum(one for one in row if isinstance(one, int)), str(row)


def _change(recorded: Recorded, before: Played, after: Played) -> Change:
    move = first_difference(before.moves, after.moves)
    return Change(
        number=recorded.case.number,
        opened_at=recorded.case.opened_at,
        site=recorded.case.camera_id,
        before=before.label,
        after=after.label,
        rule=move.rule if move else "",
        entry=move.entry if move else "",
    )


def _is_as_it_was(recorded: Recorded, before: Played) -> bool:
    """Whether the replay went through the same states to the same end, as far as policy goes."""
    was_decided = recorded.case.decision is not None
    disposition = None if was_decided else recorded.case.disposition
    is_known = before.ending is not Ending.UNKNOWN
    return is_known and (before.path, before.disposition) == (recorded.path, disposition)
