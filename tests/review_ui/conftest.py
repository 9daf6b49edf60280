"""A filled review desk for the tests of the pages."""

from pathlib import Path

import pytest

from pipeline.clock import ManualClock
from pipeline.storage import Storage
from tests.review_ui.desk import Desk


@pytest.fixture
def desk(storage: Storage, clock: ManualClock, tmp_path: Path) -> Desk:
    return Desk(storage, clock, tmp_path)
