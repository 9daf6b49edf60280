"""Holds the suspicions of one clip against its truth; pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

import numpy as np

from detector.geometry import FloatArray, iou
from detector.score.episode import Episode, Watched
from detector.score.truth import NotEvent, Truth, TruthEvent

__all__ = ["ClipScore", "Finding", "TypeScore", "Verdict", "judge", "totals"]

_SAME_IOU = 0.3
# How well the moment is known at which a vehicle stops; source: the truth files' own `made_by`.
_TRUTH_ACCURACY_S = 1.5


class Verdict(StrEnum):
    """What became of a true event or of a suspicion."""

    FOUND = "found"
    REPEATED = "repeated"
    FALSE = "false"
    MISSED = "missed"
    UNCOUNTED = "uncounted"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """One true event, one suspicion, or the two together; box as shares of the picture.

    Attributes:
        truth_id: The true event, or the `not_events` entry that a false suspicion lies in.
        episode: The suspicion; None for what was missed.
    """

    verdict: Verdict
    violation_type: str
    at_s: float
    box: FloatArray
    truth_id: str = ""
    episode: Episode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeScore:
    """The numbers of one type; `events` are the suspicions of true events that were found."""

    truth: int = 0
    found: int = 0
    false: int = 0
    events: int = 0
    delays_s: tuple[float, ...] = ()

    def __add__(self, other: "TypeScore") -> "TypeScore":
        """Both together."""
        return TypeScore(
            truth=self.truth + other.truth,
            found=self.found + other.found,
            false=self.false + other.false,
            events=self.events + other.events,
            delays_s=self.delays_s + other.delays_s,
        )

    @property
    def events_per_stay(self) -> float | None:
        """Suspicions for each true event that was found; None where none was."""
        return self.events / self.found if self.found else None

    @property
    def delay_s(self) -> float | None:
        """Seconds from a true event's beginning to its first suspicion, the median of them."""
        return median(self.delays_s) if self.delays_s else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScore:
    """How one clip went, by type in the order asked for."""

    clip: str
    watched: Watched
    types: dict[str, TypeScore]
    findings: tuple[Finding, ...]


def judge(clip: str, truth: Truth, watched: Watched, types: Sequence[str]) -> ClipScore:
    """Hold what the loop said of `types` against the truth."""
    said = [one for one in watched.episodes if one.violation_type in types]
    true = [one for one in truth.events if one.type in types]
    found = list(_judge_episodes(said, true, truth))
    reached = {one.truth_id for one in found if one.verdict is Verdict.FOUND}
    missed = [_missed(one, truth) for one in true if one.is_counted and one.id not in reached]
    findings = tuple(sorted((*found, *missed), key=lambda one: one.at_s))
    return ClipScore(
        clip=clip,
        watched=watched,
        types={one: _count(one, findings, true) for one in types},
        findings=findings,
    )


def totals(scores: Iterable[ClipScore]) -> dict[str, TypeScore]:
    """The numbers of all clips together."""
    sums: dict[str, TypeScore] = {}
    for score in scores:
        for name, numbers in score.types.items():
            sums[name] = sums.get(name, TypeScore()) + numbers
    return sums


def _judge_episodes(
    said: Sequence[Episode], true: Sequence[TruthEvent], truth: Truth
) -> Iterable[Finding]:
    times: Counter[str] = Counter()
    for episode in said:
        match = _best_match(episode, true, truth)
        if match is None:
            yield _unmatched(episode, truth)
            continue
        times[match.id] += 1
        verdict = Verdict.FOUND if times[match.id] == 1 else Verdict.REPEATED
        yield _finding(episode, verdict if match.is_counted else Verdict.UNCOUNTED, match.id)


def _best_match(episode: Episode, true: Sequence[TruthEvent], truth: Truth) -> TruthEvent | None:
    """The true event of the same type, at the time, whose box the episode's covers best."""
    overlaps = [
        (float(iou(_box(one.box, truth), episode.box_near(one.box_at_s)[None])[0]), one)
        for one in true
        if one.type == episode.violation_type
        and one.start_s - _TRUTH_ACCURACY_S <= episode.at_s <= one.end_s + _TRUTH_ACCURACY_S
    ]
    overlap, best = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
    return best if overlap >= _SAME_IOU else None


def _unmatched(episode: Episode, truth: Truth) -> Finding:
    """False, unless it lies where the people were not sure."""
    inside = [one for one in truth.not_events if _is_inside(episode, one, truth)]
    silent = next((one for one in inside if one.is_counted), None)
    if inside and silent is None:
        return _finding(episode, Verdict.UNCOUNTED, inside[0].id)
    return _finding(episode, Verdict.FALSE, silent.id if silent else "")


def _is_inside(episode: Episode, silent: NotEvent, truth: Truth) -> bool:
    x1, y1, x2, y2 = _box(silent.box, truth)
    x, y = (episode.box[:2] + episode.box[2:]) / 2
    is_there = x1 <= x <= x2 and y1 <= y <= y2
    return bool(is_there) and silent.start_s <= episode.at_s <= silent.end_s


def _count(name: str, findings: Sequence[Finding], true: Sequence[TruthEvent]) -> TypeScore:
    own = [one for one in findings if one.violation_type == name]
    verdicts = Counter(one.verdict for one in own)
    start_s = {one.id: max(0.0, one.start_s) for one in true}
    return TypeScore(
        truth=sum(1 for one in true if one.type == name and one.is_counted),
        found=verdicts[Verdict.FOUND],
        false=verdicts[Verdict.FALSE],
        events=verdicts[Verdict.FOUND] + verdicts[Verdict.REPEATED],
        delays_s=tuple(
            one.at_s - start_s[one.truth_id] for one in own if one.verdict is Verdict.FOUND
        ),
    )


def _finding(episode: Episode, verdict: Verdict, truth_id: str) -> Finding:
    return Finding(
        verdict=verdict,
        violation_type=episode.violation_type,
        at_s=episode.at_s,
        box=episode.box,
        truth_id=truth_id,
        episode=episode,
    )


def _missed(event: TruthEvent, truth: Truth) -> Finding:
    return Finding(
        verdict=Verdict.MISSED,
        violation_type=event.type,
        at_s=event.box_at_s,
        box=_box(event.box, truth),
        truth_id=event.id,
    )


def _box(box_px: tuple[float, float, float, float], truth: Truth) -> FloatArray:
    ratios: FloatArray = np.array(box_px) / np.tile([truth.image.width, truth.image.height], 2)
    return ratios
