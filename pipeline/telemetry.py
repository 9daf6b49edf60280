"""The format of log lines: an instant, a level, a constant sentence, and its fields."""

import logging
import sys
from datetime import UTC, datetime

__all__ = ["FieldFormatter", "configure_logging"]

# httpx logs every request with its address at INFO; urllib3 a warning that may hold one with its
# secret; kafka.net every try to reach a broker that is away, of which the bus tells itself.
_NOISY = {
    "alembic": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "kafka": logging.ERROR,
    "kafka.net": logging.CRITICAL,
    "urllib3": logging.ERROR,
}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """Writes `extra` fields behind the sentence, as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """One line per record; a traceback follows on its own lines."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = [
            f"{name}={value}" for name, value in vars(record).items() if name not in _STANDARD
        ]
        line = " ".join([at, record.levelname, record.name, record.getMessage(), *fields])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logging(level: int = logging.INFO) -> None:
    """Send log lines of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy, least in _NOISY.items():
        logging.getLogger(noisy).setLevel(least)
