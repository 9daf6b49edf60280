"""The faults: each begins, lasts a while, and ends; which one is next is the seed's choice."""

import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep

import sqlalchemy as sa
from kafka.errors import KafkaError

from tests.faults.provider import CHANNELS
from tests.faults.receipts import Mood
from tests.faults.station import Station

__all__ = ["Nemesis"]

_LEAST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 0.5
# Longer than the lease of a sender and than the session of a reader.
_LONG_S = 12.0

Fault = Callable[[Station, random.Random], None]


class Nemesis:
    """Takes the faults that a station can have in turn, each as often as any other."""

    def __init__(self, station: Station, seed: int) -> None:
        self._station = station
        self._dice = random.Random(seed)
        self._left: list[str] = []
        self.counts: Counter[str] = Counter()

    def run(self, until_s: float) -> None:
        """One fault after another until `until_s` of the monotonic clock."""
        while monotonic() < until_s:
            name = self._next()
            self.counts[name] += 1
            self._faults()[name](self._station, self._dice)
            sleep(self._dice.uniform(_LEAST_PAUSE_S, _LONGEST_PAUSE_S))

    def _next(self) -> str:
        if not self._left:
            self._left = list(self._faults())
            self._dice.shuffle(self._left)
        return self._left.pop()

    def _faults(self) -> dict[str, Fault]:
        faults = dict(_ALWAYS)
        if self._station.form.kafka is not None:
            faults |= _KAFKA
        if self._station.form.postgres is not None:
            faults |= _POSTGRES
        return faults


def _kill(kind: str) -> Fault:
    def fault(station: Station, dice: random.Random) -> None:
        station.send(dice.choice(station.names(kind)), signal.SIGKILL)

    return fault


def _die_at_a_point(station: Station, dice: random.Random) -> None:
    station.restart(dice.choice(station.names("worker")), dies_at_point=dice.randrange(1, 60))


def _pause(kind: str) -> Fault:
    def fault(station: Station, dice: random.Random) -> None:
        name = dice.choice(station.names(kind))
        station.send(name, signal.SIGSTOP)
        sleep(_LONG_S if dice.random() < 0.15 else dice.uniform(0.3, 1.5))
        station.send(name, signal.SIGCONT)

    return fault


def _starve(kind: str) -> Fault:
    def fault(station: Station, dice: random.Random) -> None:
        name = dice.choice(station.names(kind))
        station.starve(name, is_full=True)
        sleep(dice.uniform(0.3, 1.5))
        station.starve(name, is_full=False)

    return fault


def _mood(mood: Mood) -> Fault:
    def fault(station: Station, dice: random.Random) -> None:
        provider = station.providers[dice.choice(CHANNELS)]
        provider.set_mood(mood)
        sleep(dice.uniform(0.3, 1.5))
        provider.set_mood(Mood.FINE)

    return fault


def _clock(off_by_s: float) -> Fault:
    def fault(station: Station, dice: random.Random) -> None:
        station.set_clock(off_by_s)
        sleep(dice.uniform(0.3, 1.5))
        station.set_clock(0)

    return fault


def _again(station: Station, dice: random.Random) -> None:
    for _ in range(5):
        # Before the first message there is no table.
        with suppress(KafkaError, sqlite3.OperationalError):
            station.publish_again(dice.randrange(10**6))


def _broker_killed(station: Station, dice: random.Random) -> None:
    assert station.form.kafka is not None
    station.form.kafka.process.send(signal.SIGKILL)
    sleep(dice.uniform(0, 3))
    station.form.kafka.up()


def _broker_paused(station: Station, dice: random.Random) -> None:
    assert station.form.kafka is not None
    station.form.kafka.process.send(signal.SIGSTOP)
    sleep(_LONG_S if dice.random() < 0.15 else dice.uniform(1, 3))
    station.form.kafka.process.send(signal.SIGCONT)


def _database_killed(station: Station, dice: random.Random) -> None:
    assert station.form.postgres is not None
    # All its processes end at once and no transaction is finished; the next start recovers.
    station.form.postgres.process.stop(signal.SIGQUIT)
    sleep(dice.uniform(0, 2))
    station.form.postgres.up()


def _connections_cut(station: Station, _dice: random.Random) -> None:
    with suppress(sa.exc.DBAPIError):
        station.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'remindfirst'"
        )


def _read_only(station: Station, dice: random.Random) -> None:
    station.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    station.sql("SELECT pg_reload_conf()")
    sleep(dice.uniform(0.3, 1.5))
    station.sql("ALTER SYSTEM RESET default_transaction_read_only")
    station.sql("SELECT pg_reload_conf()")


_ALWAYS: dict[str, Fault] = {
    "worker killed": _kill("worker"),
    "worker killed at a point": _die_at_a_point,
    "worker paused": _pause("worker"),
    "worker's disk full": _starve("worker"),
    "detector killed": _kill("detector"),
    "detector paused": _pause("detector"),
    "detector's disk full": _starve("detector"),
    "published again": _again,
    "clock set back": _clock(-900),
    "clock set ahead": _clock(7200),
    **{f"provider {mood}": _mood(mood) for mood in Mood if mood is not Mood.FINE},
}
_KAFKA: dict[str, Fault] = {"broker killed": _broker_killed, "broker paused": _broker_paused}
_POSTGRES: dict[str, Fault] = {
    "database killed": _database_killed,
    "connections cut": _connections_cut,
    "database read-only": _read_only,
}
