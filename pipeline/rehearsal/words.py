"""The words of a rehearsal's report, in both languages of the product."""

from enum import StrEnum

from pipeline.case import Disposition, Outcome
from pipeline.events.violation import LocalName
from pipeline.rehearsal.outcome import Ending, Label, Unknowable
from pipeline.rehearsal.totals import Count

__all__ = ["COUNTS", "UNKNOWABLES", "Phrase", "label_words"]


def _name(zh: str, en: str) -> LocalName:
    return LocalName(zh=zh, en=en)


UNKNOWABLES = {
    Unknowable.NEWLY_REMINDED: _name(
        "草案会提醒当时未被提醒的人：驾驶人是否会驶离，无从得知",
        "somebody would be reminded where nobody was: would the driver have left?",
    ),
    Unknowable.NOT_REMINDED: _name(
        "草案不提醒当时被提醒的人：驾驶人是否会驶离，无从得知",
        "nobody would be reminded where the driver was: would the driver have left?",
    ),
    Unknowable.OTHER_TIME: _name(
        "草案会在另一时间提醒：驾驶人何时会驶离，无从得知",
        "the driver would be reminded at another time: when would the driver have left?",
    ),
    Unknowable.OTHER_TRY: _name(
        "草案会用另一方式或按另一次序联系：能否送达，无从得知",
        "a try in another way or another place of the order: would it have arrived?",
    ),
    Unknowable.CAMERA_STOPPED: _name(
        "当时案件已了结，之后的画面未保留",
        "the case was over, and what the camera saw later was not kept",
    ),
    Unknowable.LEFT_AFTER_REFERRAL: _name(
        "车辆在移交审核之后驶离，草案当时还会等待：是否同样驶离，无从得知",
        "it left after the referral, while the draft would still wait: would it have left too?",
    ),
    Unknowable.OPERATOR: _name(
        "草案会询问操作员，当时没有问：操作员会怎么做，无从得知",
        "the operator would be asked where nobody was: what would the operator have done?",
    ),
    Unknowable.CONTACT: _name(
        "当时没有查询联系方式：登记中有没有，无从得知",
        "the register was not asked then: did it know a contact?",
    ),
    Unknowable.OTHER_CASE: _name(
        "取决于同一车辆的另一起案件，而那起案件无从得知",
        "it depends on another case of the same vehicle that cannot be known",
    ),
    Unknowable.ERASED: _name(
        "取决于已到期删除的车牌",
        "it depends on the plate, which was deleted when its time was over",
    ),
    Unknowable.DECISION: _name(
        "移交审核可知，审核人会如何决定不可知",
        "the referral is known, what a person would have decided is not",
    ),
}

COUNTS = {
    Count.CASES: _name("案件", "cases"),
    Count.MESSAGES: _name("发出提醒", "messages sent"),
    Count.PEOPLE: _name("被提醒的人", "people reminded"),
    Count.CLEARED: _name("及时驶离", "cleared"),
    Count.REFERRED: _name("移交审核", "referred to review"),
    Count.PENALTY: _name("  建议处罚", "  proposal: penalty"),
    Count.WARNING: _name("  建议警告", "  proposal: warning"),
    Count.EDUCATION: _name("  建议教育", "  proposal: education"),
    Count.OTHERWISE: _name("以其他方式了结", "closed otherwise"),
    Count.OPEN: _name("仍未了结", "still open"),
    Count.UNKNOWN: _name("无从得知", "cannot be known"),
}

_ENDINGS = {
    Ending.CLEARED: _name("及时驶离", "cleared"),
    Ending.REFERRED: _name("移交审核", "referred"),
    Ending.OTHERWISE: _name("了结", "closed"),
    Ending.OPEN: _name("未了结", "open"),
    Ending.UNKNOWN: _name("无从得知", "cannot be known"),
}

_DETAILS: dict[str, LocalName] = {
    Outcome.PENALTY: _name("处罚", "penalty"),
    Outcome.WARNING: _name("警告", "warning"),
    Outcome.EDUCATION: _name("教育", "education"),
    Disposition.REJECTED: _name("操作员了结", "by the operator"),
    Disposition.EXEMPT: _name("豁免", "exempt"),
    Disposition.UNPROVEN: _name("无法证实", "unproven"),
    Disposition.EXPIRED: _name("审核逾期", "expired"),
    Disposition.WITHDRAWN: _name("撤回", "withdrawn"),
    Unknowable.NEWLY_REMINDED: _name("新增提醒", "newly reminded"),
    Unknowable.NOT_REMINDED: _name("不再提醒", "not reminded"),
    Unknowable.OTHER_TIME: _name("提醒时间不同", "another time"),
    Unknowable.OTHER_TRY: _name("联系方式不同", "another try"),
    Unknowable.CAMERA_STOPPED: _name("画面未保留", "camera stopped"),
    Unknowable.LEFT_AFTER_REFERRAL: _name("移交后驶离", "left after referral"),
    Unknowable.OPERATOR: _name("询问操作员", "operator asked"),
    Unknowable.CONTACT: _name("联系方式未查", "contact not asked"),
    Unknowable.OTHER_CASE: _name("取决于另案", "another case"),
    Unknowable.ERASED: _name("车牌已删除", "plate deleted"),
}


def label_words(label: Label) -> LocalName:
    """How a case ended, in a few words."""
    ending, detail = _ENDINGS[label.ending], _DETAILS.get(label.detail)
    if detail is None:
        return ending
    return _name(f"{ending.zh}（{detail.zh}）", f"{ending.en} ({detail.en})")


class Phrase(StrEnum):
    """The other words of the report."""

    TITLE = "title"
    SPAN = "span"
    DIFFERENCES = "differences"
    SAME = "same"
    TOTALS = "totals"
    IN_FORCE = "in_force"
    DRAFT = "draft"
    BY = "by"
    ASSUMES = "assumes"
    AT_LEAST = "at_least"
    SPARED = "spared"
    UNKNOWN = "unknown"
    OTHERWISE = "otherwise"
    SITES = "sites"
    SITE = "site"
    PROPOSALS = "proposals"
    MOVES = "moves"
    NO_MOVES = "no_moves"
    CHANGES = "changes"
    NUMBER = "number"
    FROM = "from"
    TO = "to"
    REASON = "reason"
    CHECK = "check"
    DIFFERS = "differs"
    OTHER_TEXTS = "other_texts"

    @property
    def words(self) -> LocalName:
        """The words."""
        return _PHRASES[self]


_PHRASES = {
    Phrase.TITLE: _name(
        "草案 {draft}（自 {counts_from} 起）与现行 {against} 对照",
        "Draft {draft}, as of {counts_from}, held against {against}",
    ),
    Phrase.SPAN: _name(
        "{since} 至 {until} 立案：{cases}", "Cases opened from {since} to {until}: {cases}"
    ),
    Phrase.DIFFERENCES: _name("两份规则的不同", "What differs between the two"),
    Phrase.SAME: _name("在这些日子里没有不同", "Nothing differs in these days."),
    Phrase.TOTALS: _name("合计", "Totals"),
    Phrase.IN_FORCE: _name("现行", "in force"),
    Phrase.DRAFT: _name("草案", "draft"),
    Phrase.BY: _name("增减", "change"),
    Phrase.ASSUMES: _name(
        "前提：驾驶人和审核人与当时所为相同。",
        "This takes it that drivers and staff would have done what they did.",
    ),
    Phrase.AT_LEAST: _name(
        "草案下的提醒数和人数是最低数：无从得知的案件中还可能更多。",
        "Messages and people under the draft are the least: cases that cannot be known may add "
        "some.",
    ),
    Phrase.SPARED: _name(
        "本可不必由人作出的决定：{number}",
        "Decisions of people that would not have been needed: {number}",
    ),
    Phrase.UNKNOWN: _name("无从得知的原因", "What cannot be known, and why"),
    Phrase.OTHERWISE: _name("其他了结方式", "Closed otherwise"),
    Phrase.SITES: _name("各点位（现行 → 草案）", "Per site (in force → draft)"),
    Phrase.SITE: _name("点位", "site"),
    Phrase.PROPOSALS: _name("建议：处罚/警告/教育", "penalty/warning/education"),
    Phrase.MOVES: _name("变化", "What changes, and how often"),
    Phrase.NO_MOVES: _name("没有案件变化。", "No case ends in another way."),
    Phrase.CHANGES: _name("变化的案件（{shown}/{all}）", "Cases that change ({shown} of {all})"),
    Phrase.NUMBER: _name("案件", "case"),
    Phrase.FROM: _name("现行", "from"),
    Phrase.TO: _name("草案", "to"),
    Phrase.REASON: _name("改变它的规则和条目", "first rule and entry that went another way"),
    Phrase.CHECK: _name(
        "自检：仅由规则决定的 {checked} 起案件中，{differing} 起按现行规则重演与实际不符",
        "Self-check: of {checked} cases that policy alone decided, {differing} went another way "
        "in the replay than really",
    ),
    Phrase.DIFFERS: _name("与实际不符：{numbers}", "Not as it was: {numbers}"),
    Phrase.OTHER_TEXTS: _name(
        "{number} 起案件当时依据另一文本 {text}，故现行一栏未必是实际情形",
        "{number} cases were decided by another text, {text}: for them the column of the rulebook "
        "in force is not what happened",
    ),
}
