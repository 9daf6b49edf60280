from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from pipeline.notify import Contact, RegisterUnavailableError
from pipeline.notify.registers.cache import CachedContactBook
from tests.fakes import DictContactBook
from tests.pipeline.notify.registers.contract import OTHER, PLATE


class CountingBook(DictContactBook):
    """A register that says how often it was asked, and may be away."""

    def __init__(self, *plates: str) -> None:
        super().__init__(*plates)
        self.asked: list[str] = []
        self.is_away = False

    def find(self, plate_text: str) -> Contact | None:
        self.asked.append(plate_text)
        if self.is_away:
            raise RegisterUnavailableError("away")
        return super().find(plate_text)


class Seconds:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def timer() -> Seconds:
    return Seconds()


@pytest.fixture
def register() -> CountingBook:
    return CountingBook(PLATE)


@pytest.fixture
def cached(register: CountingBook, timer: Seconds) -> CachedContactBook:
    return CachedContactBook(register, ttl_s=60, none_ttl_s=10, size=2, timer=timer)


def test_an_answer_is_kept_for_its_time(
    cached: CachedContactBook, register: CountingBook, timer: Seconds
) -> None:
    found = cached.find(PLATE)
    timer.now_s = 59.9
    assert cached.find(PLATE) == found
    assert register.asked == [PLATE]

    timer.now_s = 60
    cached.find(PLATE)
    assert register.asked == [PLATE, PLATE]


def test_that_there_is_none_is_kept_for_a_shorter_time(
    cached: CachedContactBook, register: CountingBook, timer: Seconds
) -> None:
    assert cached.find(OTHER) is None
    timer.now_s = 9.9
    assert cached.find(OTHER) is None
    assert len(register.asked) == 1

    timer.now_s = 10
    cached.find(OTHER)
    assert len(register.asked) == 2


def test_a_failure_is_not_kept_and_no_old_answer_stands_in_for_it(
    cached: CachedContactBook, register: CountingBook, timer: Seconds
) -> None:
    cached.find(PLATE)
    register.is_away, timer.now_s = True, 60
    for _ in range(2):
        with pytest.raises(RegisterUnavailableError):
            cached.find(PLATE)
    register.is_away = False

    assert cached.find(PLATE) is not None
    assert len(register.asked) == 4


def test_the_answer_that_was_not_wanted_for_longest_makes_room(
    cached: CachedContactBook, register: CountingBook
) -> None:
    cached.find(PLATE)
    cached.find(OTHER)
    cached.find(PLATE)
    cached.find("third")
    cached.find(PLATE)
    assert register.asked == [PLATE, OTHER, "third"]

    cached.find(OTHER)
    assert register.asked[-1] == OTHER


def test_one_slow_answer_holds_up_nobody_else() -> None:
    together = Barrier(2, timeout=10)

    class SlowBook:
        def find(self, plate_text: str) -> Contact | None:  # noqa: ARG002
            together.wait()
            return None

    cached = CachedContactBook(SlowBook(), ttl_s=60, none_ttl_s=10, size=2)
    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(cached.find, [PLATE, OTHER])] == [None, None]
