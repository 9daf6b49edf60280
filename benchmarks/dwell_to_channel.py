"""From the end of a vehicle's dwell to its reminder in the channel, by the wall clock.

Run from the repository's root: `python -m benchmarks.dwell_to_channel`. Four camera loops are told
what there is, five times a second; bus, evidence store, database and worker are the real ones, in
a folder that is thrown away. The network's own time, which the hardware decides, is left out.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from json import dumps
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as StopSignal
from threading import Thread
from typing import Annotated

import numpy as np
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.quick_worker import EverybodyBook, QuickProvider, quick_worker
from benchmarks.scripted import ScriptedDetector, noisy, textured
from detector.camera_loop import CameraLoop, Eyes
from detector.detection import ImageArray
from detector.geometry import FloatArray
from detector.perception import PlateRead
from detector.reporting import Reporter
from detector.sources import Frame, utc_now
from detector.stay_file import StayFile
from detector.tracking import ByteTracker
from pipeline.bus import open_publisher
from pipeline.events import CameraDocument, LocalName
from pipeline.evidence import open_evidence_store
from pipeline.sites import Site, SiteState
from pipeline.storage import open_storage

__all__ = ["main"]

_CAMERAS, _STAYS, _QUICK_STAYS = 4, 50, 5
_FPS, _DWELL_S = 5.0, 5.0
_ARRIVE_EVERY_S, _CAMERA_LAG_S = 1.0, 0.25
_AFTER_S = 5.0
_LIMIT_S = 2.0
_PICTURE_PX = (960, 540)
_COLUMNS, _CELL_PX, _VEHICLE_PX = 10, (96, 108), (72, 60)
_STREETS = noisy(textured(1, width_px=_PICTURE_PX[0], height_px=_PICTURE_PX[1]), 8)
_COATS = textured(2, width_px=_PICTURE_PX[0], height_px=_PICTURE_PX[1])
_NAME = LocalName(zh="测试", en="Benchmark")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Street:
    """A camera before which a vehicle comes to a place of its own every second, and stays."""

    number: int
    began_at: datetime
    stays: int

    def arrives_at(self, stay: int) -> datetime:
        after_s = stay * _ARRIVE_EVERY_S + self.number * _CAMERA_LAG_S
        return self.began_at + timedelta(seconds=after_s)

    def boxes_at(self, at: datetime) -> FloatArray:
        there = [_place(one) for one in range(self.stays) if self.arrives_at(one) <= at]
        return np.array(there, dtype=np.float64).reshape(-1, 4)

    def frame_at(self, at: datetime) -> Frame:
        """The picture of `at`; each vehicle bears the number of its plate as its blue."""
        step = round((at - self.began_at).total_seconds() * _FPS)
        image = _STREETS[step % len(_STREETS)].copy()
        for stay, (x1, y1, x2, y2) in enumerate(self.boxes_at(at).astype(int).tolist()):
            image[y1:y2, x1:x2] = _COATS[y1:y2, x1:x2]
            image[y1 + 20 : y2 - 20, x1 + 20 : x2 - 20] = (
                self.number * self.stays + stay,
                128,
                128,
            )
        return Frame(camera_id=_camera_id(self.number), image=image, captured_at=at)


class _BluePlateReader:
    """A `PlateReader` that reads the number that a vehicle bears as its blue."""

    least_width_px = 0.0

    def read(self, vehicle: ImageArray) -> tuple[PlateRead, ...]:
        number = int(vehicle[vehicle.shape[0] // 2, vehicle.shape[1] // 2, 0])
        return (PlateRead(text=f"鄂A{10000 + number}", confidence=0.95),)


def main(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A few stays only.")] = False,
) -> None:
    """Measure 200 stays on four cameras; takes a minute."""
    stays = _QUICK_STAYS if quick else _STAYS
    with TemporaryDirectory(prefix="remindfirst-bench-") as folder:
        waits_s = _measure(Path(folder), stays)
    numbers = {
        "stays": _CAMERAS * stays,
        "reminders": len(waits_s),
        "p50_s": _percentile(waits_s, 50),
        "p95_s": _percentile(waits_s, 95),
        "p99_s": _percentile(waits_s, 99),
        "longest_s": _percentile(waits_s, 100),
        "limit_s": _LIMIT_S,
        "cores": cpu_count() or 1,
    }
    if json:
        typer.echo(dumps(numbers, indent=2))
        return
    title = f"dwell's end to the reminder in the channel, {_CAMERAS} cameras"
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    for name in numbers:
        table.add_column(name, justify="right")
    table.add_row(
        *(f"{one:.2f}" if isinstance(one, float) else str(one) for one in numbers.values())
    )
    Console().print(table)


def _measure(folder: Path, stays: int) -> list[float]:
    """Seconds from the end of each dwell to its reminder, for all that were sent."""
    channel, stop = QuickProvider(), StopSignal()
    storage = open_storage(f"sqlite:///{folder}/state.db")
    with storage.begin() as uow:
        for number in range(_CAMERAS):
            uow.registry.save_site(_site(_camera_id(number)))
        uow.commit()
    worker = quick_worker(f"sqlite:///{folder}/bus.db", storage, channel)
    thread = Thread(target=worker.run, args=(stop,), name="worker")
    thread.start()
    try:
        began_at = utc_now() + timedelta(seconds=1)
        streets = [
            _Street(number=number, began_at=began_at, stays=stays) for number in range(_CAMERAS)
        ]
        with ThreadPoolExecutor(max_workers=_CAMERAS) as pool:
            list(pool.map(lambda street: _watch(street, folder), streets))
    finally:
        stop.set()
        thread.join()
        worker.subscriber.close()
        storage.close()
    return _waits_s(streets, channel)


def _watch(street: _Street, folder: Path) -> None:
    camera_id = _camera_id(street.number)
    publisher = open_publisher(
        f"sqlite:///{folder}/bus.db", source=camera_id, state_dir=Path(folder)
    )
    eyes = Eyes(
        detector=ScriptedDetector(street.boxes_at),
        tracker=ByteTracker(_FPS),
        plate_reader=_BluePlateReader(),
    )
    store = open_evidence_store(f"file://{folder}/evidence")
    loop = CameraLoop(
        _document(camera_id),
        eyes,
        Reporter(camera_id, publisher, store),
        StayFile(folder / f"{camera_id}.stays.json"),
    )
    lasts_s = street.stays * _ARRIVE_EVERY_S + _DWELL_S + _AFTER_S
    pace = StopSignal()
    steps = range(round(lasts_s * _FPS))
    # One bar is enough: the cameras go in step.
    is_shown = street.number == 0
    for step in track(steps, "cameras", console=Console(stderr=True), disable=not is_shown):
        at = street.began_at + timedelta(seconds=step / _FPS)
        frame = street.frame_at(at)
        pace.wait(max(0.0, (at - utc_now()).total_seconds()))
        loop.step(frame)
    loop.close()
    publisher.close()


def _waits_s(streets: Sequence[_Street], channel: QuickProvider) -> list[float]:
    book, reader = EverybodyBook(), _BluePlateReader()
    waits_s = []
    for street in streets:
        last = street.frame_at(street.arrives_at(street.stays))
        for stay in range(street.stays):
            x1, y1, x2, y2 = (int(value) for value in _place(stay))
            contact = book.find(reader.read(last.image[y1:y2, x1:x2])[0].text)
            sent_at = channel.taken_at.get(contact.phone.get_secret_value()) if contact else None
            if sent_at is not None:
                dwell_ends_at = street.arrives_at(stay) + timedelta(seconds=_DWELL_S)
                waits_s.append((sent_at - dwell_ends_at).total_seconds())
    return waits_s


def _site(camera_id: str) -> Site:
    return Site(
        camera_id=camera_id,
        name=_NAME,
        road=_NAME,
        time_zone="Asia/Shanghai",
        region="demo",
        state=SiteState.ACTIVE,
        published_on=date.min,
        calibrated_until=date.max,
    )


def _document(camera_id: str) -> CameraDocument:
    name = _NAME.model_dump()
    zone = {
        "zone_id": "kerb",
        "name": name,
        "dwell_s": _DWELL_S,
        "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]],
    }
    return CameraDocument.model_validate(
        {
            "camera_id": camera_id,
            "name": name,
            "place": {"road": name},
            "analysed_fps": _FPS,
            "zones": [zone],
        }
    )


def _place(stay: int) -> tuple[int, int, int, int]:
    x1 = stay % _COLUMNS * _CELL_PX[0] + 10
    y1 = stay // _COLUMNS * _CELL_PX[1] + 20
    return x1, y1, x1 + _VEHICLE_PX[0], y1 + _VEHICLE_PX[1]


def _camera_id(number: int) -> str:
    return f"cam-{number + 1}"


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else float("nan")


if __name__ == "__main__":
    typer.run(main)
