"""What a member of staff may do today, in words."""

from datetime import date

from pipeline.staff import Reviewer, Role
from review_ui.presenters.words import Words

__all__ = ["why_read_only"]


def why_read_only(person: Reviewer, words: Words) -> str | None:
    """Why this person decides no cases today; None when they may."""
    today: date = words.now.astimezone(words.zone).date()
    if Role.REVIEWER not in person.roles:
        return words.t("read_only.no_reviewer")
    qualification = person.qualification
    if qualification is None:
        return words.t("read_only.no_qualification")
    if qualification.is_valid_on(today):
        return None
    key = "read_only.ended" if today > qualification.valid_until else "read_only.not_begun"
    return words.t(
        key,
        number=qualification.number,
        valid_from=qualification.valid_from.isoformat(),
        valid_until=qualification.valid_until.isoformat(),
    )
