"""Writes docs/accuracy.md: how well the detector does on clips that people looked at.

Run from the repository's root: `python -m benchmarks.accuracy --weights W TRUTH.json...`.
"""

from collections.abc import Iterator, Sequence
from os import cpu_count
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from benchmarks import scenes, stays
from benchmarks.intervals import wilson_interval
from benchmarks.tables import Table, markdown_lines
from detector.perception import PlateReader, VehicleDetector, open_detector, open_plate_reader
from detector.score import ClipScore, Setting, TypeScore, open_clips, score_clip, totals
from detector.settings import DetectorSettings
from detector.sources import utc_now

__all__ = ["main", "scenes_section", "stays_section"]

_PAGE = Path("docs/accuracy.md")
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


def main(
    truths: Annotated[list[Path], typer.Argument(metavar="TRUTH.json...")],
    weights: Annotated[str, typer.Option(help="A .onnx or .pt file.")],
    dwell: Annotated[float, typer.Option(min=0.1)] = 5,
    drawn: Annotated[Path, typer.Option(help="What benchmarks.scenes wrote.")] = scenes.RESULTS,
    boxes: Annotated[Path, typer.Option(help="What benchmarks.stays wrote.")] = stays.RESULTS,
    page: Annotated[Path, typer.Option(help="Where the page goes.")] = _PAGE,
) -> None:
    """Score the clips with their zones and everywhere; write the page, simulated ones included."""
    # Read first: a missing file is told before the minutes that the clips take.
    simulated = [
        scenes_section(scenes.read_report(drawn)),
        stays_section(stays.read_report(boxes)),
    ]
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
    page.write_text("\n".join([*sections, *simulated]), encoding="utf-8")


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


_STAYS = """## Stays on simulated boxes

Here no network looks: the boxes are those that a small one would give, with its misses, jitter,
weak confidence, doubles and ghosts as they were measured on the real clips, and the rest of the
loop is the same. Date: {day}. `make stays` watches them anew.

- *stays*: vehicles that parked and stood whole and in plain sight for the dwell and 3 s more.
- *told*: suspicions of them; *told once*: the 95 % interval of the share that got exactly one.
- *early*, *false departure*, *blind departure*: suspected before the dwell; said to have left while
  it stood; while something hid its place.
- *wrong sighting*: a later picture of a stay that shows another vehicle.
- *false stops*: suspicions of vehicles that did not park: they stood at a light, in a queue, at a
  stop sign, at a bus stop or behind one who blocks the lane. True stays of those hours may be
  hidden by traffic most of the time; how many were told says how much is given up for silence.
"""


def score_section(scores: Sequence[ClipScore]) -> str:
    """The table of some clips and the totals with their intervals, in Markdown."""
    return "\n".join([*_clip_rows(scores), "", *_total_rows(totals(scores)), ""])


def scenes_section(report: scenes.Report) -> str:
    """What came of the drawn scenes, in Markdown."""
    head = _SCENES.format(network=report.network, day=report.day, minutes=report.minutes)
    return "\n".join([head, *_in_markdown(scenes.tables(report))])


def stays_section(report: stays.Report) -> str:
    """What came of the stays on simulated boxes, in Markdown."""
    head = _STAYS.format(day=report.day)
    return "\n".join([head, *_in_markdown(stays.tables(report))])


def _in_markdown(tables: Sequence[Table]) -> list[str]:
    return [line for table in tables for line in markdown_lines(table)]


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
