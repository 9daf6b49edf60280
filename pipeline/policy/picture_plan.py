"""Which pictures an act needs: data in `rulebook/pictures.yaml`."""

from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from pipeline.events.violation import ViolationType

__all__ = ["PicturePlan", "Shows", "picture_plan"]

_FILE = Path(__file__).parent / "rulebook" / "pictures.yaml"


class Shows(StrEnum):
    """What one picture of an act has to show."""

    STANDING_WITH_SIGN = "standing_with_sign"
    STILL_STANDING = "still_standing"
    ON_THE_CROSSING = "on_the_crossing"
    STILL_ON_THE_CROSSING = "still_on_the_crossing"
    IN_THE_JUNCTION_HELD_AHEAD = "in_the_junction_held_ahead"
    STILL_IN_THE_JUNCTION = "still_in_the_junction"
    IN_THE_EMERGENCY_LANE = "in_the_emergency_lane"
    STILL_IN_THE_EMERGENCY_LANE = "still_in_the_emergency_lane"
    PLATE = "plate"


class PicturePlan(BaseModel):
    """How many panoramas an act needs, how far apart, and what each picture shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    panoramas: int = Field(ge=1)
    apart_s: float = Field(ge=0)
    shows: tuple[Shows, ...]

    @property
    def apart(self) -> timedelta:
        """The least time from the first panorama to the last."""
        return timedelta(seconds=self.apart_s)


@cache
def _plans() -> dict[ViolationType, PicturePlan]:
    document = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    del document["source"]
    return {ViolationType(act): PicturePlan.model_validate(plan) for act, plan in document.items()}


def picture_plan(act: ViolationType) -> PicturePlan:
    """The pictures of an act; one without a plan of its own needs those of parking."""
    return _plans().get(act, _plans()[ViolationType.PARKED])
