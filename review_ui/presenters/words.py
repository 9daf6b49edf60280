"""Times, lengths, names and causes in words, in the language of the page and the site's time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.case import Case
from pipeline.events.plate import mask_plate
from pipeline.events.violation import LocalName
from pipeline.sites import Site
from pipeline.storage.base import UnitOfWork
from review_ui.i18n import Language, Texts

__all__ = ["Words", "open_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Says things; `zone` is the time zone of the site that is spoken of.

    Times of the day `day` stand without a date; None means the day it is now at the site.
    """

    texts: Texts
    now: datetime
    zone: ZoneInfo
    person_name: Callable[[str], str]
    site_of: Callable[[str], Site | None]
    day: date | None = None

    def t(self, key: str, **fields: object) -> str:
        """The text for `key`."""
        return self.texts.t(key, **fields)

    def at_site(self, camera_id: str) -> "Words":
        """The same, with times in the zone of this camera's site."""
        site = self.site_of(camera_id)
        return replace(self, zone=ZoneInfo(site.time_zone)) if site else self

    def about(self, case: Case) -> "Words":
        """The same for a page about one case: its site's time, and its own day goes unsaid."""
        local = self.at_site(case.camera_id)
        return replace(local, day=case.suspected_at.astimezone(local.zone).date())

    def name(self, local: LocalName) -> str:
        """A name in the language of the page."""
        return local.zh if self.texts.language is Language.ZH else local.en

    def camera(self, camera_id: str) -> str:
        """The name of a camera's site; the id where no site is known."""
        site = self.site_of(camera_id)
        return self.name(site.name) if site else camera_id

    def time(self, at: datetime) -> str:
        """Time of day, with the date in front unless the day goes unsaid."""
        local, now = at.astimezone(self.zone), self.now.astimezone(self.zone)
        clock = f"{local:%H:%M:%S}"
        if local.date() == (self.day or now.date()):
            return clock
        is_this_year = local.year == now.year
        date_text = self._short_date(local) if is_this_year else self.on_day(local.date())
        return self.t("time.dated", date=date_text, clock=clock)

    def full(self, at: datetime) -> str:
        """Date and time with the zone, as evidence needs it."""
        local = at.astimezone(self.zone)
        offset = local.utcoffset() or timedelta()
        minutes = int(offset.total_seconds()) // 60
        sign = "-" if minutes < 0 else "+"
        hours, rest = divmod(abs(minutes), 60)
        zone = f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")
        return self.t(
            "time.full", date=self.on_day(local.date()), clock=f"{local:%H:%M:%S}", zone=zone
        )

    def on_day(self, day: date) -> str:
        """A day with its year."""
        return self.t("time.date", year=day.year, month=self.t(f"month.{day.month}"), day=day.day)

    def duration(self, length: timedelta | float) -> str:
        """A length of time in its two largest units; a float is seconds."""
        seconds = length.total_seconds() if isinstance(length, timedelta) else length
        whole = max(0, round(seconds))
        days, rest = divmod(whole, 86400)
        hours, rest = divmod(rest, 3600)
        minutes, secs = divmod(rest, 60)
        if days:
            return self.t("time.days_hours", days=days, hours=hours)
        if hours:
            return self.t("time.hours_minutes", hours=hours, minutes=minutes)
        if minutes and secs:
            return self.t("time.minutes_seconds", minutes=minutes, seconds=secs)
        if minutes:
            return self.t("time.minutes", minutes=minutes)
        return self.t("time.seconds", seconds=secs)

    def relative(self, at: datetime) -> str:
        """How long ago, or in how long."""
        length = at - self.now
        if abs(length) < timedelta(seconds=2):
            return self.t("time.now")
        key = "time.in" if length > timedelta() else "time.ago"
        seconds = abs(length).total_seconds()
        # Seconds would only flicker in a list.
        whole = seconds // 60 * 60 if seconds >= 60 else seconds
        return self.t(key, length=self.duration(whole))

    def percent(self, ratio: float) -> str:
        """A share in per cent, to one decimal."""
        return f"{ratio * 100:.1f}".removesuffix(".0")

    def plate_masked(self, case: Case) -> str:
        """The plate with its middle hidden, or what is known instead."""
        if case.plate.text is None:
            return self.t("plate.none")
        return mask_plate(case.plate.text)

    def plate_agreement(self, case: Case) -> str:
        """How many frames gave the same reading."""
        if case.plate.reads == 0:
            return self.t("plate.no_reads")
        return self.t("plate.agreement", agreeing=case.plate.agreeing, reads=case.plate.reads)

    def cause(self, cause: str) -> str:
        """Why there was no reminder."""
        return self.texts.find(f"cause.{cause}") or self.t("cause.unnamed", cause=cause)

    def _short_date(self, local: datetime) -> str:
        return self.t("time.short_date", month=self.t(f"month.{local.month}"), day=local.day)


def open_words(uow: UnitOfWork, texts: Texts) -> Words:
    """Words for one page; names are looked up once while `uow` is open."""
    people: dict[str, str] = {}
    sites = {site.camera_id: site for site in uow.registry.sites()}

    def person_name(person_id: str) -> str:
        if person_id not in people:
            person = uow.registry.person(person_id)
            people[person_id] = person.name if person else person_id
        return people[person_id]

    zones = {site.time_zone for site in sites.values()}
    # A page about all sites speaks in their zone when they share one.
    zone = ZoneInfo(zones.pop()) if len(zones) == 1 else UTC_ZONE
    return Words(texts=texts, now=uow.now(), zone=zone, person_name=person_name, site_of=sites.get)


UTC_ZONE = ZoneInfo(str(UTC))
