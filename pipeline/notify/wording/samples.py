"""Facts to try a wording on: an ordinary case, and the longest that can be rendered."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.notify.wording.documents import (
    Agency,
    Kind,
    Language,
    NoticeFacts,
    NoticeText,
    ReminderFacts,
    ReminderText,
    TipFacts,
)
from pipeline.notify.wording.fields import BOUNDS
from pipeline.notify.wording.template import NoticeTemplate, Template

__all__ = ["longest", "typical"]

_ZONE = ZoneInfo("Asia/Shanghai")
_NOW = datetime(2026, 3, 2, 4, 10, tzinfo=UTC)
_TEN_MINUTES_AGO = _NOW - timedelta(minutes=10)
# In the month with the longest English name, of another year.
_LAST_YEAR = datetime(2025, 9, 30, 15, 59, tzinfo=UTC)
_TYPICAL = {
    Language.ZH_CN: {
        "agency": "江城交警一大队",
        "place": "沿江大道江滩北门",
        "plate": "鄂A12345",
        "phone": "12123",
        "reference": "4f2a9c01",
        "unit": "江城交警一大队",
        "act_code": "1039",
        # After RTSL 93; lists of acts word it as long as this.
        "act_wording": "违反规定停放机动车，驾驶人不在现场或拒绝立即驶离，妨碍其他车辆、行人通行",
    },
    Language.EN: {
        "agency": "Jiangcheng Traffic Police",
        "place": "Yanjiang Avenue, river park north gate",
        "plate": "鄂A12345",
        "phone": "12123",
        "reference": "4f2a9c01",
        "unit": "Jiangcheng Traffic Police",
        "act_code": "1039",
        "act_wording": "parking against the rules, driver absent or refusing to go, others blocked",
    },
}


def typical(template: Template) -> ReminderText | NoticeText:
    """The wording about an ordinary case of today."""
    told = _TYPICAL[template.language]
    return _rendered(template, told, at=_TEN_MINUTES_AGO, grace=timedelta(minutes=10))


def longest(template: Template) -> ReminderText | NoticeText:
    """The wording with every value as long as may be; one is Chinese, so that all count double."""
    told = {name: "宽" * bound.units(template.language) for name, bound in BOUNDS.items()}
    return _rendered(template, told, at=_LAST_YEAR, grace=timedelta(seconds=5999))


def _rendered(
    template: Template, told: dict[str, str], *, at: datetime, grace: timedelta
) -> ReminderText | NoticeText:
    agency = Agency(name=told["agency"], phone=told["phone"], language=template.language)
    if isinstance(template, NoticeTemplate):
        return template.render(
            NoticeFacts(
                agency=agency,
                plate=told["plate"],
                place=told["place"],
                reference=told["reference"],
                now=_NOW,
                zone=_ZONE,
                act_code=told["act_code"],
                act_wording=told["act_wording"],
                recorded_at=at,
                unit=told["unit"],
                deadline_days=30,
            )
        )
    if template.kind is Kind.TIP:
        return template.render(
            TipFacts(
                agency=agency,
                plate=told["plate"],
                place=told["place"],
                reference=told["reference"],
                now=_NOW,
                zone=_ZONE,
                left_at=at,
            )
        )
    return template.render(
        ReminderFacts(
            agency=agency,
            plate=told["plate"],
            place=told["place"],
            reference=told["reference"],
            now=_NOW,
            zone=_ZONE,
            since=at,
            grace=grace,
        )
    )
