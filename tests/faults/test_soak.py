"""The fault harness for a few seconds in each form; `make soak` runs it for longer."""

from pathlib import Path

import pytest

from tests.faults.soak import forms, soak

pytestmark = pytest.mark.slow


def test_one_machine_under_faults_breaks_no_invariant(tmp_path: Path) -> None:
    verdict = soak(forms(tmp_path)["embedded"], tmp_path, seed=1, minutes=0.4, count=50)

    print(verdict)
    assert verdict.violations == []
    assert verdict.cases == 50


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.usefixtures("kafka_url", "postgres_url")
def test_many_machines_under_faults_break_no_invariant(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("soak")
    # PostgreSQL runs as a user of its own, who must reach its folder.
    for one in (folder, *list(folder.parents)[:2]):
        one.chmod(0o755)
    verdict = soak(forms(folder)["many"], folder, seed=2, minutes=0.6, count=60)

    print(verdict)
    assert verdict.violations == []
    assert verdict.cases == 60
