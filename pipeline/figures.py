"""Numbers that nobody publishes: whether reminders are heeded, whom they reach, and how fast.

Each has the number of cases behind it, a 95 % interval and the very query that gives it. None
names a vehicle or a person, or ranks anybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.events.violation import LocalName
from pipeline.intervals import quantile_ranks, wilson_interval
from pipeline.storage import figure_queries
from pipeline.storage.base import UnitOfWork
from pipeline.storage.figure_queries import Span

__all__ = ["Figure", "FigureTable", "Quantile", "Share", "read_figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of how many; without cases there is no share, least of all 0 %.

    `value`, `low` and `high` are between 0 and 1, the last two the ends of a 95 % interval.
    """

    hits: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """The value below which a share of all lie, and the ends of its 95 % interval.

    An end is None where so few values bound it to no side.
    """

    share: float
    value_s: float
    low_s: float | None
    high_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number in both languages, and how it came about.

    Attributes:
        id: Its short name.
        title: What it is.
        counted: Which cases are counted, and which of them are the hits.
        n: Of how many cases it is made.
        answer: A share, or the quantiles of a time; none without cases.
        query: What was asked, as it was asked.
    """

    id: str
    title: LocalName
    counted: LocalName
    n: int
    answer: Share | tuple[Quantile, ...]
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTable:
    """All figures of a span; `cases` were suspected in it, `still_open` of them may change yet."""

    span: Span
    cases: int
    still_open: int
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    id: str
    title: LocalName
    counted: LocalName
    query: str


_QUANTILES = (0.5, 0.9, 0.99)

_SHARES_BEFORE = (
    _Asked(
        id="heeded_delivered",
        title=LocalName(zh="提醒送达后驶离", en="Heeded, reminder delivered"),
        counted=LocalName(
            zh="提醒送达时车辆仍在现场、且宽限期已过或车辆已离开的案件；其中在宽限期内被摄像机看到离开的",
            en="cases whose reminder was delivered while the vehicle stood, with grace over or the "
            "vehicle gone; of these, those seen to leave within grace",
        ),
        query=figure_queries.HEEDED_DELIVERED,
    ),
    _Asked(
        id="heeded_accepted",
        title=LocalName(zh="提醒已受理、无回执，驶离", en="Heeded, accepted without a receipt"),
        counted=LocalName(
            zh="运营商已受理提醒但未给出送达回执、当时车辆仍在现场、且宽限期已过或车辆已离开的案件；"
            "其中在宽限期内被摄像机看到离开的",
            en="cases whose reminder the provider took without ever telling of its delivery, while "
            "the vehicle stood, with grace over or the vehicle gone; of these, those seen to leave "
            "within grace",
        ),
        query=figure_queries.HEEDED_ACCEPTED,
    ),
    _Asked(
        id="reached_with_plate",
        title=LocalName(zh="送达率（号牌可信）", en="Reached, with an agreed plate"),
        counted=LocalName(
            zh="号牌识别一致的全部疑似案件；其中提醒已送达的",
            en="all suspected cases with an agreed plate; of these, those whose reminder was "
            "delivered",
        ),
        query=figure_queries.REACHED_WITH_PLATE,
    ),
    _Asked(
        id="reached",
        title=LocalName(zh="送达率（全部疑似）", en="Reached, of all suspected"),
        counted=LocalName(
            zh="全部疑似案件，包括号牌不可读、豁免车辆和不先行提醒的地点；其中提醒已送达的",
            en="all suspected cases, also those with an unreadable plate, an exempt vehicle or a "
            "place without reminders; of these, those whose reminder was delivered",
        ),
        query=figure_queries.REACHED,
    ),
)
_SECONDS = _Asked(
    id="seconds_to_delivery",
    title=LocalName(zh="从认定停留到提醒送达的秒数", en="Seconds from the dwell to the delivery"),
    counted=LocalName(
        zh="提醒已送达的案件；从摄像机判定停留超时到收到送达回执，精确到 0.1 秒",
        en="cases whose reminder was delivered; from the picture in which the dwell was over to "
        "the receipt, to a tenth of a second",
    ),
    query=figure_queries.SECONDS_TO_DELIVERY,
)
_SHARES_AFTER = (
    _Asked(
        id="referred",
        title=LocalName(zh="转人工审核", en="Referred to review"),
        counted=LocalName(
            zh="全部疑似案件；其中转人工审核的",
            en="all suspected cases; of these, those that went to a person's desk",
        ),
        query=figure_queries.REFERRED,
    ),
    _Asked(
        id="confirmed",
        title=LocalName(zh="审核后确认", en="Confirmed, of reviewed"),
        counted=LocalName(
            zh="审核人员已作出决定的案件；其中确认为违法记录且至今有效的（教育、消除的不计）",
            en="cases that a reviewer decided; of these, those that stand as records (not those "
            "that ended as education or were eliminated)",
        ),
        query=figure_queries.CONFIRMED,
    ),
    _Asked(
        id="withdrawn",
        title=LocalName(zh="撤回", en="Withdrawn"),
        counted=LocalName(
            zh="已结束的案件；其中撤回的（事后得知已及时驶离、提醒未送达、点位未启用）",
            en="cases that have ended; of these, those withdrawn (left in time after all, never "
            "reminded, or a site not in use)",
        ),
        query=figure_queries.WITHDRAWN,
    ),
    _Asked(
        id="unproven",
        title=LocalName(zh="未能证实", en="Unproven"),
        counted=LocalName(
            zh="已结束的案件；其中摄像机直到最长等待时间都没有再看到、因而未能证实的",
            en="cases that have ended; of these, those of which the camera said nothing more until "
            "the longest wait",
        ),
        query=figure_queries.UNPROVEN,
    ),
)


def read_figures(uow: UnitOfWork, span: Span) -> FigureTable:
    """Ask for all figures of a span, at one moment."""
    ((cases, still_open),) = uow.figures.ask(figure_queries.CASES, span)
    return FigureTable(
        span=span,
        cases=int(cases),
        still_open=still_open,
        figures=(
            *_shares(uow, span, _SHARES_BEFORE),
            _seconds(uow, span),
            *_shares(uow, span, _SHARES_AFTER),
        ),
    )


def _shares(uow: UnitOfWork, span: Span, asked: Iterable[_Asked]) -> Iterable[Figure]:
    for one in asked:
        ((tries, hits),) = uow.figures.ask(one.query, span)
        yield _figure(one, int(tries), _share(hits, int(tries)))


def _share(hits: int, tries: int) -> Share:
    if not tries:
        return Share(hits=0, value=None, low=None, high=None)
    low, high = wilson_interval(hits, tries)
    return Share(hits=hits, value=hits / tries, low=low, high=high)


def _seconds(uow: UnitOfWork, span: Span) -> Figure:
    counted = uow.figures.ask(_SECONDS.query, span)
    n = sum(cases for _, cases in counted)
    quantiles = [_quantile(counted, n, share) for share in _QUANTILES] if n else []
    return _figure(_SECONDS, n, tuple(quantiles))


def _quantile(counted: Sequence[tuple[float, int]], n: int, share: float) -> Quantile:
    low, rank, high = quantile_ranks(n, share)
    return Quantile(
        share=share,
        value_s=_at(counted, rank),
        low_s=None if low is None else _at(counted, low),
        high_s=None if high is None else _at(counted, high),
    )


def _at(counted: Sequence[tuple[float, int]], rank: int) -> float:
    """The value at a rank, from 1 on, of values in their order with how often each is there."""
    below = 0
    for value, times in counted:
        below += times
        if below >= rank:
            return value
    raise ValueError(f"rank {rank} of {below}")


def _figure(asked: _Asked, n: int, answer: Share | tuple[Quantile, ...]) -> Figure:
    return Figure(
        id=asked.id,
        title=asked.title,
        counted=asked.counted,
        n=n,
        answer=answer,
        query=asked.query,
    )
