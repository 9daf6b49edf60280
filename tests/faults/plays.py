"""Runs of the case world: what happens in them is the seed's choice."""

import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.faults.checker import violations
from tests.faults.provider import CHANNELS, kinds_of
from tests.faults.receipts import Kind, Mood
from tests.faults.record import Record, Violation
from tests.faults.street import Deed, plates_of, visits
from tests.faults.world import CAMERAS, World

__all__ = ["Played", "play", "play_calm", "play_clock_set_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of one seed."""

    cases: int
    faults: Counter[str]
    mishaps: Counter[str]
    record: Record
    violations: list[Violation]


def play(seed: int, *, count: int = 30) -> Played:
    """A few minutes of a street under faults, all chosen by the seed."""
    dice, faults = random.Random(seed), Counter[str]()
    to_come = deque(visits(seed, count=count, cameras=CAMERAS, span_s=2.5 * count))
    with World(plates_of(to_come), kinds=kinds_of(seed)) as world:
        while to_come or world.now_s < world.last_s + 5:
            while to_come and to_come[0].parked_at_s <= world.now_s:
                world.park(to_come.popleft())
            world.pass_time(dice.choice((0.25, 0.5, 1.0)))
            _disturb(world, dice, faults)
            for number in range(2):
                dies_at_point = dice.randrange(1, 12) if dice.random() < _DIES else None
                has_died = world.work(number, dies_at_point=dies_at_point)
                faults["worker killed"] += has_died
        record = world.quiesce()

    return _judged(record, faults)


_DIES = 0.1
_GETS_WELL = 0.4


def play_clock_set_back() -> Played:
    """The clock is set back, a message waits for its provider, and its camera falls silent."""
    (visit,) = (
        replace(one, deed=Deed.STAYS, parked_at_s=5.0, left_at_s=60.0)
        for one in visits(0, count=1, cameras=CAMERAS, span_s=0)
    )
    kinds = (Kind.TAKES_A_KEY_ONCE, Kind.TAKES_A_KEY_ONCE)
    with World([visit.plate], kinds=kinds, is_lucky=True) as world:
        world.rounds(5)
        world.set_clock(-900)
        world.providers["voice"].set_mood(Mood.BUSY)
        world.park(visit)
        world.rounds(1)
        world.is_link_up = False
        world.rounds(12)
        world.providers["voice"].set_mood(Mood.FINE)
        world.rounds(8)
        world.set_clock(0)
        world.is_link_up = True
        record = world.quiesce()
    return _judged(record, Counter({"clock -900 s": 1}))


_TRUE = (Mood.SLOW, Mood.ANSWERS_TWICE, Mood.TELLS_AGAIN, Mood.IS_IMITATED, Mood.FINE)


def play_calm(seed: int, *, moods: Sequence[Mood] = _TRUE, count: int = 20) -> Played:
    """A street on which nobody dies; else than by these moods providers tell the truth in time."""
    dice, faults = random.Random(seed), Counter[str]()
    to_come = deque(visits(seed, count=count, cameras=CAMERAS, span_s=2.5 * count))
    with World(plates_of(to_come), kinds=kinds_of(seed)) as world:
        while to_come or world.now_s < world.last_s + 5:
            while to_come and to_come[0].parked_at_s <= world.now_s:
                world.park(to_come.popleft())
            if dice.random() < 0.2:
                name, mood = dice.choice(CHANNELS), dice.choice(moods)
                world.providers[name].set_mood(mood)
                faults[f"provider {mood}"] += 1
            world.rounds(1)
        record = world.quiesce()
    return _judged(record, faults)


def _judged(record: Record, faults: Counter[str]) -> Played:
    return Played(
        cases=len(record.visits),
        faults=+faults,
        mishaps=Counter(one.mishap for one in record.handed if one.mishap),
        record=record,
        violations=violations(record),
    )


def _disturb(world: World, dice: random.Random, faults: Counter[str]) -> None:
    """Begin or end a fault, now and then."""
    at = dice.random()
    if at < 0.04:
        world.is_link_up = not world.is_link_up
        faults["link down"] += not world.is_link_up
    elif at < 0.12:
        world.publish_again(dice.randrange(1000))
        faults["published again"] += 1
    elif at < 0.20:
        name = dice.choice(CHANNELS)
        mood = Mood.FINE if dice.random() < _GETS_WELL else dice.choice(list(Mood))
        world.providers[name].set_mood(mood)
        faults[f"provider {mood}"] += mood is not Mood.FINE
    elif at < 0.28:
        off_by_s = dice.choice((0, 0, 0, 0, 0, 0, -900, 7200))
        world.set_clock(off_by_s)
        faults[f"clock {off_by_s:+} s"] += bool(off_by_s)
