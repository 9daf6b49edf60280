"""Writes docs/accuracy.md: how well the detector does on clips that people looked at.

Run from the repository's root: `python -m benchmarks.accuracy --weights W TRUTH.json...`.
"""

from collections.abc import Iterator, Sequence
from math import sqrt
from os import cpu_count
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from benchmarks.scenes import RESULTS, Report, Table, read_report, tables
from detector.perception import PlateReader, VehicleDetector, open_detector, open_plate_reader
from detector.score import ClipScore, Setting, TypeScore, open_clips, score_clip, totals
from detector.settings import DetectorSettings
from detector.sources import utc_now

__all__ = ["main", "wilson_interval"]

_PAGE = Path("docs/accuracy.md")
# The normal distribution's 97.5 % point: 95 % lie between it and its negative.
_Z = 1.959964
_HEAD = """# How well the detector does

Written by `make accuracy`; change `benchmarks/accuracy.py`, not this page.

- Network: `{weights}`. Date: {day}. Cores: {cores}.
- Again: `make accuracy WEIGHTS=FILE CLIPS=FOLDER`, with a folder of clips and their truth files.
- One clip by itself, with a picture of each event: `remindfirst score --show FOLDER --verbose
  --weights FILE CLIP.truth.json`.

## What the numbers mean

The whole loop looks at each clip as it would at a camera: network, tracker, stays, rules and plate
reader. What it suspects is held against what people saw: the same type, within the time of the true
event (give or take 1.5 s, which is how well people can tell when a vehicle stops), and an overlap
(IoU) of at least 0.3 between the true box and the track's box at the second it was drawn for.

- *found*: true events that were suspected.
- *false*: suspicions of no true event. What the truth calls optional counts neither way.
- *events*: suspicions for each true event found; 1.00 where no stay was told twice.
- *delay*: from the true stop to the suspicion, the dwell included; the median. A vehicle that
  stands when the clip begins is counted from there.
- *right*: the share of the suspicions that are true.
- Intervals are 95 % Wilson intervals. With so few events they are wide; that is why they are here.

The truth was made by hand on frame grids, with boxes taken from a detector or checked against one.
No-stopping zones are drawn as if stopping were forbidden there, because most real signs cannot be
read. The clips are short, from few places and mostly by day: they show what goes wrong often, not
how many false suspicions a year of a camera will bring.
"""


def wilson_interval(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % interval of a share of `hits` in `tries`, at least one.

    Source: Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    share, weight = hits / tries, _Z**2 / tries
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * sqrt((share * (1 - share) + weight / 4) / tries) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def main(
    truths: Annotated[list[Path], typer.Argument(metavar="TRUTH.json...")],
    weights: Annotated[str, typer.Option(help="A .onnx or .pt file.")],
    dwell: Annotated[float, typer.Option(min=0.1)] = 5,
    scenes: Annotated[Path, typer.Option(help="What benchmarks.scenes wrote.")] = RESULTS,
    page: Annotated[Path, typer.Option(help="Where the page goes.")] = _PAGE,
) -> None:
    """Score the clips with their zones and everywhere; write the page, drawn scenes included."""
    # Read first: a missing file is told before the minutes that the clips take.
    drawn = scenes_section(read_report(scenes))
    detector, plate_reader = (
        open_detector(weights, memory=DetectorSettings().state_dir),
        open_plate_reader(),
    )
    sections = [
        _HEAD.format(
            weights=detector.model_version, day=utc_now().date().isoformat(), cores=cpu_count()
        )
    ]
    for title, setting in (
        ("Real clips, with their zones", Setting(dwell_s=dwell)),
        ("Real clips, everywhere", Setting(dwell_s=dwell, is_everywhere=True)),
    ):
        scores = _score_all(truths, setting, detector, plate_reader)
        sections.append(f"## {title}\n\n{_WHAT[setting.is_everywhere]}\n\n{score_section(scores)}")
    sections.append(drawn)
    page.write_text("\n".join(sections), encoding="utf-8")


_WHAT = {
    False: "Each clip with the zones that its truth file draws.",
    True: (
        "The whole picture is one roadway where stopping is forbidden, and the detector is told\n"
        "of no kerb, no lane and no queue: every stop that it takes for parking shows."
    ),
}


_SCENES = """## Drawn scenes

Streets that the simulator draws, looked at by the same loop: network, tracker, stays, rules and
plate reader, five pictures a second. Network: `{network}`. Date: {day}.

`make scenes WEIGHTS=FILE` watches them anew; it took {minutes:.0f} minutes of one process. What
went wrong in one scene is drawn by `python -m benchmarks.scenes --weights FILE --hours 0
--only NAME --first-seed N --seeds 1 --show FOLDER`.

- The dwell is 10 s; where vehicles take turns in a place it is 15 s, longer than each of them
  stands. Who stands for less than the dwell has done nothing wrong.
- Seeds are looked at by day, by night, in rain, in fog, against the sun and on a mast that shakes,
  in turn.
- *false departures*: a vehicle was said to have left while it stood.
- *told*: the scenes whose fault was told, and how long after it began: median and longest. Pictures
  that are lost on the way (*drops*) are not told as a fault; a stay has to outlast them. A camera
  that was bumped suspects nobody any more.
- A scene fails where a stay is missed or told twice, where somebody is suspected or said to have
  left who should not be, where a fault is not told, and where one is told that is none.
- Ordinary traffic: one place, a new light, new drivers and a new camera that knows nothing of the
  place every five minutes; the kerb and the whole approach are no-stopping zones, and everybody who
  stands there waits. The interval is the 95 % interval of a Poisson count.

Drawn streets are tidier than real ones: what fails here fails outside, not the other way round.
"""


def score_section(scores: Sequence[ClipScore]) -> str:
    """The table of some clips and the totals with their intervals, in Markdown."""
    return "\n".join([*_clip_rows(scores), "", *_total_rows(totals(scores)), ""])


def scenes_section(report: Report) -> str:
    """What came of the drawn scenes, in Markdown."""
    head = _SCENES.format(network=report.network, day=report.day, minutes=report.minutes)
    return "\n".join([head, *(line for one in tables(report) for line in _scene_table(one))])


def _scene_table(table: Table) -> Iterator[str]:
    yield from (f"### {table.title}", "")
    yield f"| {' | '.join(table.head)} |"
    yield f"| {' | '.join('---' for _ in table.head)} |"
    yield from (f"| {' | '.join(line)} |" for line in table.lines)
    yield ""


def _score_all(
    truths: Sequence[Path],
    setting: Setting,
    detector: VehicleDetector,
    plate_reader: PlateReader,
) -> list[ClipScore]:
    clips = track(open_clips(truths, setting), setting.words, console=Console(stderr=True))
    return [score_clip(clip, setting.types, detector, plate_reader) for clip in clips]


def _clip_rows(scores: Sequence[ClipScore]) -> Iterator[str]:
    yield "| clip | type | truth | found | false | events | delay s | analysed/s |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for score in scores:
        told = {name: one for name, one in score.types.items() if one != TypeScore()}
        for name, one in (told or {"-": TypeScore()}).items():
            cells = [score.clip, name, str(one.truth), str(one.found), str(one.false)]
            cells += [_or_dash(one.events_per_stay, 2), _or_dash(one.delay_s, 1)]
            yield f"| {' | '.join(cells)} | {score.watched.analysed_fps:.1f} |"


def _total_rows(sums: dict[str, TypeScore]) -> Iterator[str]:
    names = ("all clips", "truth", "found", "share found", "false", "right", "events", "delay s")
    yield f"| {' | '.join(names)} |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, one in sums.items():
        cells = [name, str(one.truth), str(one.found), _share(one.found, one.truth)]
        cells += [str(one.false), _share(one.found, one.found + one.false)]
        cells += [_or_dash(one.events_per_stay, 2), _or_dash(one.delay_s, 1)]
        yield f"| {' | '.join(cells)} |"


def _share(hits: int, tries: int) -> str:
    if not tries:
        return "-"
    low, high = wilson_interval(hits, tries)
    return f"{hits / tries:.0%} ({low:.0%} to {high:.0%})"


def _or_dash(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    typer.run(main)
