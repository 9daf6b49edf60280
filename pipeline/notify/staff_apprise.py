"""Alerts to staff through the library apprise, imported nowhere else: mail, chat, push, SMS.

Each line of the file is one address, as apprise writes it. It holds secrets, so it is never logged:
a line is named by its number.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apprise import Apprise, AppriseAsset, NotifyType

from pipeline.errors import PermanentError
from pipeline.notify.staff import Alert, AlertKind, LoggedAlerts, Phase, StaffAlertError

__all__ = ["AppriseAlerts"]

log = logging.getLogger(__name__)

# What apprise itself says may quote an address or whom it reaches.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)

_LINE = re.compile(r"(?:(?P<kinds>[a-z_, ]+)=)?(?P<url>[A-Za-z][A-Za-z0-9+.-]*://.+)")
_TYPES = {
    Phase.BEGAN: NotifyType.FAILURE,
    Phase.LASTS: NotifyType.WARNING,
    Phase.OVER: NotifyType.SUCCESS,
}
_ASSET = AppriseAsset(app_id="RemindFirst", app_desc="RemindFirst", storage_mode="memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    kinds: frozenset[AlertKind]
    apprise: Apprise


class AppriseAlerts:
    """Tells all addresses of a file that want this kind, and the log."""

    def __init__(self, file: Path) -> None:
        """Read the addresses.

        Raises:
            PermanentError: the file cannot be read, is empty, or a line is no address; never
                repeats it.
        """
        self._lines = tuple(_lines(file))
        self._log = LoggedAlerts()
        if not self._lines:
            raise PermanentError(f"{file}: no address; write one to a line, or set no file")

    def tell(self, alert: Alert) -> None:
        """Tell those who want it; one who was reached is enough. See `StaffAlerts.tell`."""
        self._log.tell(alert)
        wanted = [one for one in self._lines if alert.kind in one.kinds]
        title = f"{alert.title.zh} · {alert.title.en}"
        body = "\n".join(
            (
                alert.sentence.zh,
                alert.advice.zh,
                "",
                alert.sentence.en,
                alert.advice.en,
            )
        )
        reached = [_reaches(one, title, body, _TYPES[alert.phase]) for one in wanted]
        if wanted and not any(reached):
            raise StaffAlertError(f"alert {alert.kind}: none of {len(wanted)} addresses took it")

    def try_out(self) -> Iterator[tuple[int, bool]]:
        """Send a word to each address; gives its line's number, and whether it was taken."""
        for one in self._lines:
            sent = _reaches(one, _TITLE, _BODY, NotifyType.INFO)
            yield one.number, sent


_TITLE = "测试 · Test"
_BODY = "这是一条测试消息，无需处理。\nThis is a test; nothing needs to be done."


def _reaches(line: _Line, title: str, body: str, how: NotifyType) -> bool:
    is_taken = bool(line.apprise.notify(body=body, title=title, notify_type=how))
    if not is_taken:
        log.warning("an address took no alert", extra={"line": line.number})
    return is_taken


def _lines(file: Path) -> Iterator[_Line]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        said = exc.strerror if isinstance(exc, OSError) else "not a text"
        raise PermanentError(f"{file}: {said}") from exc
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield _line(line, number, f"{file}, line {number}")


def _line(line: str, number: int, where: str) -> _Line:
    found = _LINE.fullmatch(line)
    if found is None:
        raise PermanentError(f"{where}: write KIND,KIND=ADDRESS or ADDRESS, such as mailtos://...")
    asked = [one.strip() for one in (found["kinds"] or "").split(",") if one.strip()]
    unknown = [one for one in asked if one not in set(AlertKind)]
    if unknown:
        raise PermanentError(f"{where}: no kind {unknown[0]!r}; known: {', '.join(AlertKind)}")
    apprise = Apprise(asset=_ASSET)
    if not apprise.add(found["url"]):
        raise PermanentError(f"{where}: apprise knows no such address; see its documentation")
    kinds = frozenset(map(AlertKind, asked)) or frozenset(AlertKind)
    return _Line(number=number, kinds=kinds, apprise=apprise)
