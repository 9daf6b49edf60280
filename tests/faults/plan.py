"""What all processes of one run must agree on: a file in its folder."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from json import dumps, loads
from pathlib import Path

from pipeline.clock import SystemClock
from pipeline.policy.entries import ChannelKind, Step
from tests.faults.provider import CHANNELS, FaultyProvider
from tests.faults.receipts import Kind
from tests.faults.street import Visit, visits

__all__ = [
    "CLAIM",
    "GRACE_S",
    "LATE_S",
    "LONGEST_WAIT_S",
    "RECEIPT_WAIT_S",
    "STEPS",
    "OffsetClock",
    "Plan",
    "true_now",
]

GRACE_S = 6
RECEIPT_WAIT_S = 4
LONGEST_WAIT_S = 30
LATE_S = (5.0, 30.0)
STEPS = (
    Step(channel=ChannelKind.VOICE),
    Step(channel=ChannelKind.VOICE, after_s=2),
    Step(channel=ChannelKind.SMS, after_s=1),
)
# Shorter than any deployment's, so that a sender that is paused wakes behind its lease.
CLAIM = timedelta(seconds=8)

_SHORT = {
    "grace_period": ("value: 20, unit: s", f"value: {GRACE_S}, unit: s"),
    "receipt_wait": ("value: 10, unit: s", f"value: {RECEIPT_WAIT_S}, unit: s"),
    "contact_steps": (
        "value: [{channel: sms}]",
        "value: ["
        + ", ".join(f"{{channel: {one.channel}, after_s: {one.after_s}}}" for one in STEPS)
        + "]",
    ),
    "longest_wait": ("value: 10, unit: min", f"value: {LONGEST_WAIT_S}, unit: s"),
}


def true_now() -> datetime:
    """The machine's time, which no fault touches."""
    return SystemClock().now()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run.

    Attributes:
        seed: Of the street.
        count: How many vehicles come.
        span_s: Within how many seconds.
        began_at: The street's first second, in seconds since 1970.
        cameras: By detector.
        bus_url: As the product wants it.
        storage_url: As the product wants it.
        kinds: What the providers of calls and of messages know of keys.
    """

    seed: int
    count: int
    span_s: float
    began_at: float
    cameras: dict[str, list[str]]
    bus_url: str
    storage_url: str
    kinds: tuple[Kind, Kind]

    @property
    def began(self) -> datetime:
        """The street's first second."""
        return datetime.fromtimestamp(self.began_at, UTC)

    def visits(self) -> list[Visit]:
        """Who comes, in the order in which they come."""
        cameras = [camera for own in self.cameras.values() for camera in own]
        return visits(self.seed, count=self.count, cameras=cameras, span_s=self.span_s)

    def write(self, folder: Path) -> None:
        """Keep it, and the rulebook with its short times, in the run's folder."""
        (folder / "plan.json").write_text(dumps(asdict(self)))
        demo = Path("pipeline/policy/rulebook/demo.yaml").read_text(encoding="utf-8")
        for entry, (long, short) in _SHORT.items():
            before, name, after = demo.partition(f"{entry}:\n")
            demo = before + name + after.replace(long, short, 1)
        (folder / "rulebook.yaml").write_text(demo, encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> "Plan":
        """The plan of the run in `folder`."""
        fields = loads((folder / "plan.json").read_text())
        fields["kinds"] = tuple(map(Kind, fields["kinds"]))
        return Plan(**fields)

    def providers(self, folder: Path) -> dict[str, FaultyProvider]:
        """The providers of the run, by channel."""
        return {
            name: FaultyProvider(name, folder, kind=kind, true_now=true_now, late_s=LATE_S)
            for name, kind in zip(CHANNELS, self.kinds, strict=True)
        }


class OffsetClock:
    """A role's clock: the true time and what the file of the run adds to it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock-off-by-s"

    def now(self) -> datetime:
        try:
            off_by_s = float(self._file.read_text())
        except (OSError, ValueError):
            off_by_s = 0.0
        return true_now() + timedelta(seconds=off_by_s)

    def set(self, off_by_s: float) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(str(off_by_s))
        new.rename(self._file)
