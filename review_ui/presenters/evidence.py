"""The pictures of a case, and whether they still are what was stored."""

from dataclasses import dataclass

from pipeline.case import Case, Sighting
from pipeline.events.evidence import EvidenceRef
from pipeline.evidence.store import EvidenceError, EvidenceStore
from review_ui.presenters.words import Words

__all__ = [
    "PictureView",
    "broken_hashes",
    "evidence_ref",
    "evidence_url",
    "picture_view",
    "seen_again",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureView:
    """One sighting's panorama and its drawn copy, for the page."""

    url: str
    drawn_url: str
    taken_at: str
    clock: str
    hash_short: str
    observed: str
    moved: str
    is_whole: bool
    is_after_grace: bool


def evidence_ref(case: Case, sha256: str) -> EvidenceRef | None:
    """The case's own reference with this hash; None when the hash is not one of its."""
    return next((ref for ref in case.evidence if ref.sha256 == sha256), None)


def broken_hashes(store: EvidenceStore, case: Case) -> frozenset[str]:
    """Hashes of the case's files that are missing or were changed; none was deleted on purpose."""
    if case.pictures_deleted_at is not None:
        return frozenset()
    broken = set()
    for ref in case.evidence:
        try:
            store.get(ref)
        except EvidenceError:
            broken.add(ref.sha256)
    return frozenset(broken)


def evidence_url(case: Case, ref: EvidenceRef) -> str:
    """Where the page fetches one file."""
    return f"/evidence/{case.id}/{ref.sha256}"


def _is_after_grace(case: Case, sighting: Sighting) -> bool:
    return case.grace_ends_at is not None and sighting.captured_at >= case.grace_ends_at


def seen_again(case: Case) -> Sighting | None:
    """The first sighting at or after the end of grace; None when there is none."""
    return next((one for one in case.sightings if _is_after_grace(case, one)), None)


def picture_view(
    case: Case, sighting: Sighting, words: Words, broken: frozenset[str]
) -> PictureView:
    """One sighting for the page."""
    return PictureView(
        url=evidence_url(case, sighting.panorama),
        drawn_url=evidence_url(case, sighting.drawn),
        taken_at=words.full(sighting.captured_at),
        clock=words.time(sighting.captured_at),
        hash_short=sighting.panorama.sha256[:8],
        observed=words.duration(sighting.observed_s),
        moved=words.percent(sighting.moved_ratio),
        is_whole=not {sighting.panorama.sha256, sighting.drawn.sha256} & broken,
        is_after_grace=_is_after_grace(case, sighting),
    )
