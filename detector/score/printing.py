"""A score as a table, as lines and as JSON."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from detector.score.judging import ClipScore, Finding, TypeScore, Verdict, totals

__all__ = ["as_json", "finding_lines", "score_table"]

JsonScore = dict[str, int | float | None]

_CAPTION = "events: for each stay found; delay: median s; fps: pictures per clip second"
_ALWAYS_TOLD = frozenset({Verdict.FALSE, Verdict.MISSED})


def score_table(scores: Sequence[ClipScore], *, title: str) -> Table:
    """One row per clip and type that has something to say, and the totals."""
    table = Table(
        title=title,
        caption=_CAPTION,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column("clip", overflow="fold")
    table.add_column("type", overflow="fold")
    for name in ("truth", "found", "false", "events", "delay", "fps"):
        table.add_column(name, justify="right", no_wrap=True)
    for score in scores:
        told = {name: one for name, one in score.types.items() if one != TypeScore()}
        name, fps = score.clip, f"{score.watched.analysed_fps:.1f}"
        for kind, one in (told or {"-": TypeScore()}).items():
            table.add_row(name, kind, *_cells(one), fps)
            name, fps = "", ""
    table.add_section()
    for kind, one in totals(scores).items():
        table.add_row("all", kind, *_cells(one), "", style="bold")
    return table


def finding_lines(score: ClipScore, *, is_verbose: bool) -> Iterator[str]:
    """What was false or missed, one line each; with `is_verbose` all that was said."""
    for finding in score.findings:
        if is_verbose or finding.verdict in _ALWAYS_TOLD:
            yield _line(score.clip, finding)


def as_json(scores: Sequence[ClipScore]) -> dict[str, object]:
    """The score with the keys that other programs rely on."""
    return {
        "clips": [
            {
                "clip": score.clip,
                "analysed_fps": round(score.watched.analysed_fps, 2),
                "types": {name: _numbers(one) for name, one in score.types.items()},
            }
            for score in scores
        ],
        "total": {name: _numbers(one) for name, one in totals(scores).items()},
    }


def _cells(one: TypeScore) -> tuple[str, ...]:
    return (
        str(one.truth),
        str(one.found),
        str(one.false),
        "-" if one.events_per_stay is None else f"{one.events_per_stay:.2f}",
        "-" if one.delay_s is None else f"{one.delay_s:.1f}",
    )


def _numbers(one: TypeScore) -> JsonScore:
    return {
        "truth": one.truth,
        "found": one.found,
        "false": one.false,
        "events_per_stay": None if one.events_per_stay is None else round(one.events_per_stay, 3),
        "delay_s": None if one.delay_s is None else round(one.delay_s, 2),
    }


def _line(clip: str, finding: Finding) -> str:
    box = ", ".join(f"{value:.3f}" for value in finding.box.tolist())
    where = "in " if finding.verdict is Verdict.FALSE and finding.truth_id else ""
    parts = [
        f"{clip}: {finding.verdict} {finding.violation_type}",
        f"{where}{finding.truth_id}",
        f"at {finding.at_s:.1f} s",
        f"box {box}",
        f"basis {finding.episode.basis}" if finding.episode and finding.episode.basis else "",
    ]
    return ", ".join(part for part in parts if part)
