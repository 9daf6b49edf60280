"""What a site was when a case was handled, as far as the case's own reasons tell."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.case import Case
from pipeline.sites import Site, SiteState
from pipeline.storage.history import AuditLine

__all__ = ["SiteStory", "site_story"]

_STOPPED = "close_if_site_not_in_use"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStory:
    """The site when the case opened, and what it was when that ended the case."""

    site: Site | None
    stopped: Site | None = None
    stopped_at: datetime | None = None


def site_story(
    case: Case,
    site: Site | None,
    lines: Sequence[AuditLine],
    known_at: Callable[[int], datetime],
) -> SiteStory:
    """What the site was; where nothing tells, it was as it is now, and in use.

    Args:
        case: As it is stored.
        site: As it is now; None when it is not registered.
        lines: The audit chain.
        known_at: When the cause of a line was known.
    """
    words = dict(_words(case))
    stopped = words.get(_STOPPED)
    if stopped is None:
        return SiteStory(site=_in_use(site, words))
    ended = (number for number, line in enumerate(lines) if _STOPPED in line.cause)
    ended_at = next(map(known_at, ended), None)
    after = _as(site, stopped)
    if ended_at is None or ended_at <= case.opened_at:
        return SiteStory(site=after)
    return SiteStory(site=_in_use(site, words), stopped=after, stopped_at=ended_at)


def _words(case: Case) -> Iterator[tuple[str, str]]:
    """Rules that looked at the site, and the state that they found."""
    reasons = (*case.reasons, *(case.proposal.reasons if case.proposal else ()))
    for one in reasons:
        if one.entry.startswith("site "):
            yield one.rule, one.entry.removeprefix("site ")


def _in_use(site: Site | None, words: dict[str, str]) -> Site | None:
    if site is None:
        return None
    told = next((state for rule, state in words.items() if rule != _STOPPED), None)
    if told is not None:
        known = _as(site, told)
        # "active" is said where the site was not published, or not calibrated, on that day.
        is_not_in_order = known is not None and known.state is SiteState.ACTIVE
        return replace(known, published_on=None) if known and is_not_in_order else known
    return site if site.may_remind() else replace(site, state=SiteState.ACTIVE)


def _as(site: Site | None, state: str) -> Site | None:
    if site is None or state not in {*SiteState}:
        return None
    return replace(site, state=SiteState(state))
