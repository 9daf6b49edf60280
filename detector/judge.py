"""Which of the stays on one camera's picture are reported, and when they are reported again."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from detector.observer import Eyes, Observer
from detector.plate_vote import (
    is_plate_unsettled,
    is_plate_wanted,
    plate_differs,
    plate_of,
    read_plate,
)
from detector.reporting import Reporter, sighting_report, suspicion_report
from detector.rules import StandingRule, Suspicion, ViolationRule
from detector.sources import Frame
from detector.stays import Stay
from pipeline.events import PlateStatus

__all__ = ["Judge"]

log = logging.getLogger(__name__)

_PLATE_READS_PER_FRAME = 2
_PLATE_PATIENCE = timedelta(seconds=1)
_READ_AHEAD_S = 4.0


class Judge:
    """Asks the rules about the stays that an observer sees, and reports what they say."""

    def __init__(
        self, observer: Observer, eyes: Eyes, reporter: Reporter, suspecting: set[UUID]
    ) -> None:
        """Judge what `observer` sees; `suspecting` gets the episodes that are reported."""
        self._observer = observer
        self._book = observer.book
        self._eyes = eyes
        self._reporter = reporter
        self._suspecting = suspecting
        self._rule: ViolationRule = StandingRule(observer.shapes)
        self._fired_at: dict[UUID, datetime] = {}

    def judge(self, frame: Frame) -> None:
        """Look at all stays whose vehicle was seen at rest in this frame."""
        self._read_plates(frame)
        for stay in self._book.in_place_now():
            if self._is_another(stay):
                continue
            if stay.is_reported:
                self._report_sighting(stay, frame)
            else:
                self._judge_new(stay, frame)

    def _read_plates(self, frame: Frame) -> None:
        """Read some plates that will soon be asked for and have not been read well enough yet."""
        unsettled = (stay for stay in self._book.in_place_now() if self._is_unsettled(stay))
        wanted = (
            one
            for one in unsettled
            if one.is_reported or one.episode_id in self._fired_at or self._is_near(one, frame)
        )
        for stay in tuple(islice(wanted, _PLATE_READS_PER_FRAME)):
            self._read_plate(stay, frame)

    def _is_near(self, stay: Stay, frame: Frame) -> bool:
        """Whether it would be a suspicion, had it stood a few seconds longer."""
        later = replace(stay, observed_s=stay.observed_s + _READ_AHEAD_S)
        situation = self._observer.situation(stay, frame)
        return self._rule.judge(later, frame.captured_at, situation) is not None

    def _is_unsettled(self, stay: Stay) -> bool:
        reader = self._eyes.plate_reader
        return reader is not None and is_plate_unsettled(stay, reader)

    def _read_plate(self, stay: Stay, frame: Frame) -> Stay:
        reader = self._eyes.plate_reader
        if reader is None or not is_plate_wanted(stay, reader):
            return stay
        stay = read_plate(stay, frame.image, reader)
        self._book.amend(stay)
        return stay

    def _judge_new(self, stay: Stay, frame: Frame) -> None:
        """Report a stay that has become a suspicion."""
        now = frame.captured_at
        suspicion = self._rule.judge(stay, now, self._observer.situation(stay, frame))
        if suspicion is None or self._waits_for_plate(stay, now) or _is_exempt(suspicion):
            return
        if self._reporter.has_room(now):
            self._report_suspicion(suspicion, frame)

    def _is_another(self, stay: Stay) -> bool:
        """Whether its plate says that it is another vehicle; the stay is closed then."""
        if plate_differs(stay) is not PlateStatus.AGREED:
            return False
        log.warning("another vehicle in the place", extra={"episode_id": str(stay.episode_id)})
        self._book.drop(stay)
        return True

    def _waits_for_plate(self, stay: Stay, now: datetime) -> bool:
        """Whether a moment more may settle the plate, so that a reminder can go out at once."""
        open_ids = {one.episode_id for one in self._book.stays}
        self._fired_at = {one: at for one, at in self._fired_at.items() if one in open_ids}
        waits_since = self._fired_at.setdefault(stay.episode_id, now)
        return now - waits_since < _PLATE_PATIENCE and self._is_unsettled(stay)

    def _report_suspicion(self, suspicion: Suspicion, frame: Frame) -> None:
        self._suspecting.add(suspicion.stay.episode_id)
        self._book.amend(
            replace(
                suspicion.stay,
                zone_id=suspicion.zone.shape.zone_id,
                evidence_at=frame.captured_at,
            )
        )
        model_version = self._eyes.detector.model_version
        self._reporter.add(suspicion_report(suspicion, frame, model_version=model_version))

    def _report_sighting(self, stay: Stay, frame: Frame) -> None:
        zones = self._observer.shapes.zones
        zone = next((one for one in zones if one.shape.zone_id == stay.zone_id), None)
        # While events wait there is no room for more pictures; the next sighting comes later.
        if zone is None or self._reporter.is_held:
            return
        since = stay.evidence_at or stay.stood_since_at
        is_due = (frame.captured_at - since).total_seconds() >= zone.shape.sighting_every_s
        if not is_due or not self._rule.is_in_force(zone, frame.captured_at):
            return
        # A track may slip to one that hides it: the picture must show the vehicle itself.
        if not self._book.is_shown(stay, frame.image):
            return
        stay = self._read_plate(stay, frame)
        self._book.amend(replace(stay, evidence_at=frame.captured_at))
        if plate_differs(stay) is None:
            self._reporter.add(sighting_report(stay, zone, frame))


def _is_exempt(suspicion: Suspicion) -> bool:
    """Whether the vehicle may stand there, as far as its plate is known for certain."""
    plate = plate_of(suspicion.stay)
    is_agreed = plate.status is PlateStatus.AGREED
    return is_agreed and plate.text in suspicion.zone.shape.exempt_plates
