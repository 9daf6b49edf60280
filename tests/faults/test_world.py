"""The case world under every fault at chosen moments, and whether the checker would notice."""

from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.faults.checker import violations
from tests.faults.mutations import MUTATIONS, is_noticed
from tests.faults.plays import play, play_calm, play_clock_set_back
from tests.faults.provider import CHANNELS
from tests.faults.receipts import Kind, Mood
from tests.faults.steps import exact_steps
from tests.faults.street import Deed, Visit
from tests.faults.tries import tries_of
from tests.faults.world import CAMERAS, World

pytestmark = pytest.mark.slow

MOST_VISITS = 60


class CaseWorld(RuleBasedStateMachine):
    """Hypothesis chooses what happens; whatever it is, the invariants hold in the end."""

    @initialize(voice=st.sampled_from(Kind), sms=st.sampled_from(Kind))
    def begin(self, voice: Kind, sms: Kind) -> None:
        self.count = 0
        plates = [_visit(n, CAMERAS[0], Deed.STAYS, 0.0, 0.0).plate for n in range(MOST_VISITS)]
        self.world = World(plates, kinds=(voice, sms))

    @rule(
        camera_id=st.sampled_from(CAMERAS),
        deed=st.sampled_from(Deed),
        stays_s=st.integers(1, 40),
    )
    def park(self, camera_id: str, deed: Deed, stays_s: int) -> None:
        if self.count < MOST_VISITS:
            at_s = self.world.now_s
            self.world.park(_visit(self.count, camera_id, deed, at_s, at_s + stays_s))
            self.count += 1

    @rule(for_s=st.sampled_from([0.25, 1.0, 5.0, 25.0]))
    def pass_time(self, for_s: float) -> None:
        self.world.pass_time(for_s)

    @rule(number=st.integers(0, 1), dies_at_point=st.none() | st.integers(1, 12))
    def work(self, number: int, dies_at_point: int | None) -> None:
        self.world.work(number, dies_at_point=dies_at_point)

    @rule(for_s=st.sampled_from([2, 10, 30]))
    def all_work(self, for_s: int) -> None:
        self.world.rounds(for_s)

    @rule(is_up=st.booleans())
    def set_link(self, is_up: bool) -> None:
        self.world.is_link_up = is_up

    @rule(n=st.integers(0, 500))
    def publish_again(self, n: int) -> None:
        self.world.publish_again(n)

    @rule(channel=st.sampled_from(CHANNELS), mood=st.sampled_from(Mood))
    def set_mood(self, channel: str, mood: Mood) -> None:
        self.world.providers[channel].set_mood(mood)

    @rule(off_by_s=st.sampled_from([0, -900, 7200]))
    def set_clock(self, off_by_s: int) -> None:
        self.world.set_clock(off_by_s)

    def teardown(self) -> None:
        with self.world:
            assert violations(self.world.quiesce()) == []


def _visit(number: int, camera_id: str, deed: Deed, parked_at_s: float, left_at_s: float) -> Visit:
    return Visit(
        number=number,
        camera_id=camera_id,
        episode_id=UUID(int=number + 1, version=4),
        deed=deed,
        parked_at_s=parked_at_s,
        left_at_s=left_at_s,
    )


TestCaseWorld = CaseWorld.TestCase
TestCaseWorld.settings = settings(
    max_examples=16,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("seed", range(6))
def test_a_street_under_faults_breaks_no_invariant(seed: int) -> None:
    played = play(seed)

    assert played.violations == []
    assert len(played.faults) >= 6


def test_every_driver_gets_exactly_the_steps_that_the_providers_make_necessary() -> None:
    played = play_calm(0)
    readable = {one.episode_id for one in played.record.visits if one.deed is Deed.STAYS}
    tried = [one for one in tries_of(played.record) if one.case.episode_id in readable]

    assert played.violations == []
    assert [[one.channel for one in case.handed] for case in tried] == [
        exact_steps(case) for case in tried
    ]
    assert {len(case.handed) for case in tried} == {1, 2, 3}


def test_a_receipt_before_the_answer_is_not_lost() -> None:
    played = play_calm(1, moods=(Mood.TELLS_IN_DISORDER,))

    assert played.violations == []
    assert len(played.mishaps) == 3


def test_a_clock_that_was_set_back_makes_nobody_early() -> None:
    assert play_clock_set_back().violations == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_safeguard_that_is_switched_off_is_noticed(name: str) -> None:
    assert is_noticed(name)
