"""A station under test: its servers and roles, each of which can be killed, paused and starved."""

import csv
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from threading import RLock, Thread

import sqlalchemy as sa
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from pipeline.bus import create_topic
from pipeline.bus.kafka import KafkaAddress
from pipeline.storage import Storage, accept_clock, open_storage, upgrade
from tests.builders import a_site
from tests.faults.history import History
from tests.faults.plan import GRACE_S, RECEIPT_WAIT_S, OffsetClock, Plan, true_now
from tests.faults.provider import FaultyProvider, kinds_of
from tests.faults.record import Record, record_of
from tests.faults.street import events_of
from tests.servers.kafka import KafkaServer
from tests.servers.postgres import PostgresServer

__all__ = ["Form", "Station"]

_KEEP_EVERY_S = 0.2
_RING_EVERY_S = 0.1
_TOPIC = "soak"
_PARTITIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the product is put together; without servers it is embedded."""

    name: str
    kafka: KafkaServer | None = None
    postgres: PostgresServer | None = None


@dataclass(kw_only=True)
class _Role:
    name: str
    kind: str
    process: "subprocess.Popen[bytes]"
    is_held: bool = False
    deaths: int = 0


@dataclass(kw_only=True)
class Station:
    """Two detectors and two workers on one folder; use it in a `with` block."""

    form: Form
    folder: Path
    plan: Plan
    storage_url: str
    _roles: dict[str, _Role] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)
    _stop: Flag = field(default_factory=Flag)

    @staticmethod
    @contextmanager
    def running(
        form: Form, folder: Path, *, seed: int, count: int, span_s: float
    ) -> "Iterator[Station]":
        """Start everything; stop it at the end of the block, whatever happens in it."""
        folder.mkdir(parents=True, exist_ok=True)
        bus_url, storage_url = _servers_up(form, folder)
        plan = Plan(
            seed=seed,
            count=count,
            span_s=span_s,
            began_at=true_now().timestamp() + 3,
            cameras={f"detector-{n}": [f"cam-{n}-a", f"cam-{n}-b"] for n in (1, 2)},
            bus_url=bus_url,
            storage_url=storage_url,
            kinds=kinds_of(seed),
        )
        plan.write(folder)
        station = Station(form=form, folder=folder, plan=plan, storage_url=storage_url)
        station._register()
        threads = [
            Thread(target=station._keep, daemon=True),
            Thread(target=station._ring_back, daemon=True),
        ]
        try:
            for name in plan.cameras:
                station._start("detector", name)
            for n in (1, 2):
                station._start("worker", f"worker-{n}")
            for thread in threads:
                thread.start()
            yield station
        finally:
            station._stop.set()
            station.down()

    @property
    def providers(self) -> dict[str, FaultyProvider]:
        """The providers, as their operators see them."""
        return self.plan.providers(self.folder)

    @property
    def clock(self) -> OffsetClock:
        """The clock of all roles."""
        return OffsetClock(self.folder)

    def names(self, kind: str) -> list[str]:
        """The roles of a kind."""
        return [role.name for role in self._roles.values() if role.kind == kind]

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a role."""
        with self._lock:
            self._roles[name].process.send_signal(number)

    def restart(self, name: str, *, dies_at_point: int | None = None) -> None:
        """Kill a role and start it again, perhaps to die at the n-th point that it passes."""
        with self._lock:
            role = self._roles[name]
            role.process.kill()
            role.process.wait()
            role.process = self._spawn(role.kind, name, dies_at_point)

    def starve(self, name: str, *, is_full: bool) -> None:
        """The disk of a role is full, or has room again; what it has written stays."""
        with self._lock:
            pid = self._roles[name].process.pid
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            limit = 1 if is_full else hard
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))

    def publish_again(self, n: int) -> None:
        """The bus carries an old message a second time, behind the newer ones."""
        if self.form.kafka is None:
            with closing(sqlite3.connect(self.folder / "bus.db", timeout=30)) as bus, bus:
                rows = bus.execute("SELECT COUNT(*) FROM rec").fetchone()
                old = "SELECT part, key, val FROM rec ORDER BY part, off LIMIT 1 OFFSET ?"
                found = bus.execute(old, (n % max(rows[0], 1),)).fetchone()
                if found:
                    bus.execute(
                        "INSERT INTO rec SELECT ?1, MAX(off) + 1, ?2, ?3 FROM rec WHERE part = ?1",
                        found,
                    )
            return
        address = KafkaAddress.parse(self.plan.bus_url)
        place = TopicPartition(address.topic, n % _PARTITIONS)
        with (
            closing(KafkaConsumer(**address.client(), auto_offset_reset="none")) as reader,
            closing(KafkaProducer(**address.client())) as producer,
        ):
            reader.assign([place])
            end = reader.end_offsets([place], timeout_ms=5000)[place]
            if end:
                reader.seek(place, n % end)
                for one in reader.poll(timeout_ms=2000, max_records=1).get(place, []):
                    producer.send(address.topic, key=one.key, value=one.value)
                producer.flush(timeout=5)

    def sql(self, command: str) -> None:
        """Say something to PostgreSQL as its administrator."""
        assert self.form.postgres is not None
        engine = sa.create_engine(self.form.postgres.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(command)
        engine.dispose()

    def set_clock(self, off_by_s: float) -> None:
        """Put the clock wrong, or right again; then an operator looks and says so."""
        self.clock.set(off_by_s)
        if not off_by_s:
            accept_clock(self.storage_url)

    def settled(self, storage: Storage) -> bool:
        """Whether everything was told, read and brought to its end."""
        record = self.record(storage)
        told = sum(line.kind == "published" for line in record.history)
        expected = sum(1 for visit in self.plan.visits() for _ in events_of(visit, self.plan.began))
        waits = [
            case
            for case in record.cases
            if case.status not in {"in_review", "decided", "closed"}
            and case.id not in record.may_be_open
        ]
        is_read = all(record.positions.get(part) == end for part, end in record.ends.items())
        is_told = all(one.last_call_at() is None for one in self.providers.values())
        return told == expected and is_read and is_told and not record.waiting and not waits

    def record(self, storage: Storage) -> Record:
        """What is left of the run up to now."""
        return record_of(
            storage,
            self.storage_url,
            topic=self._topic(),
            ends=self._ends(),
            history=History.read(self.folder),
            handed=[one for provider in self.providers.values() for one in provider.handed()],
            visits=self.plan.visits(),
            began_at=self.plan.began,
            grace_s=GRACE_S,
            receipt_wait_s=RECEIPT_WAIT_S,
            slack_s=0.5,
            bounds=[
                (file.name, file.stat().st_size, 64 << 20)
                for file in (*self.folder.glob("*-wal"), *self.folder.glob("*.spool.db"))
            ],
        )

    def down(self) -> None:
        """Stop all roles and servers."""
        with self._lock:
            for role in self._roles.values():
                role.process.send_signal(signal.SIGCONT)
                role.process.terminate()
            for role in self._roles.values():
                try:
                    role.process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    role.process.kill()
                    role.process.wait()
        if self.form.kafka is not None:
            self.form.kafka.down()
        if self.form.postgres is not None:
            self.form.postgres.down()

    def _topic(self) -> str:
        if self.form.kafka is None:
            return "remindfirst.obs.v1"
        return KafkaAddress.parse(self.plan.bus_url).topic

    def _ends(self) -> dict[int, int]:
        if self.form.kafka is None:
            with closing(sqlite3.connect(self.folder / "bus.db", timeout=30)) as bus:
                rows = bus.execute("SELECT part, MAX(off) + 1 FROM rec GROUP BY part").fetchall()
            return dict(rows)
        address = KafkaAddress.parse(self.plan.bus_url)
        places = [TopicPartition(address.topic, part) for part in range(_PARTITIONS)]
        with closing(KafkaConsumer(**address.client())) as reader:
            ends = reader.end_offsets(places, timeout_ms=20_000)
        return {place.partition: end for place, end in ends.items()}

    def _register(self) -> None:
        storage = open_storage(self.storage_url)
        with storage.begin() as uow:
            for camera in (one for own in self.plan.cameras.values() for one in own):
                uow.registry.save_site(a_site(camera))
            uow.commit()
        storage.close()
        with (self.folder / "contacts.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["plate", "phone", "opted_out"])
            rows.writerows([visit.plate, "13800000001", "no"] for visit in self.plan.visits())

    def _start(self, kind: str, name: str) -> None:
        with self._lock:
            self._roles[name] = _Role(name=name, kind=kind, process=self._spawn(kind, name, None))

    def _spawn(self, kind: str, name: str, dies_at_point: int | None) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.faults.roles", kind, str(self.folder), name]
        if dies_at_point is not None:
            command.append(str(dies_at_point))
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def _keep(self) -> None:
        """Start again what died, as any supervisor does."""
        while not self._stop.wait(_KEEP_EVERY_S):
            with self._lock:
                for role in self._roles.values():
                    if role.process.poll() is not None and not self._stop.is_set():
                        role.deaths += 1
                        role.process = self._spawn(role.kind, role.name, None)

    def _ring_back(self) -> None:
        """Let the providers call back, as our pages would take it."""
        storage, providers = open_storage(self.storage_url, clock=self.clock), self.providers
        while not self._stop.wait(_RING_EVERY_S):
            for provider in providers.values():
                provider.ring_back(storage)
        storage.close()


def _servers_up(form: Form, folder: Path) -> tuple[str, str]:
    bus_url, storage_url = f"sqlite:///{folder}/bus.db", f"sqlite:///{folder}/state.db"
    if form.kafka is not None:
        form.kafka.up()
        bus_url = f"{form.kafka.url}/{_TOPIC}{os.getpid()}?partitions={_PARTITIONS}"
        create_topic(bus_url, replicas=1)
    if form.postgres is not None:
        form.postgres.up()
        storage_url = form.postgres.url
        upgrade(storage_url)
    return bus_url, storage_url
