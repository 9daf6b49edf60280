"""The queries behind published figures: what is printed beside a figure is what was run.

They are valid on SQLite and PostgreSQL, read the table `case_fact` alone and name no vehicle and no
person. A case belongs to the span in which its camera's rule fired.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = [
    "CASES",
    "CONFIRMED",
    "HEEDED_ACCEPTED",
    "HEEDED_DELIVERED",
    "REACHED",
    "REACHED_WITH_PLATE",
    "REFERRED",
    "SECONDS_TO_DELIVERY",
    "UNPROVEN",
    "WITHDRAWN",
    "Figures",
    "Span",
]

CASES = """\
SELECT COUNT(*) AS n, COUNT(CASE WHEN ended_at IS NULL THEN 1 END) AS k
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)"""

HEEDED_DELIVERED = """\
SELECT COUNT(*) AS n, COUNT(CASE WHEN left_at <= grace_ends_at THEN 1 END) AS k
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)
  AND delivered_at IS NOT NULL
  AND (left_at >= delivered_at OR (left_at IS NULL AND grace_ends_at <= :now))"""

HEEDED_ACCEPTED = """\
SELECT COUNT(*) AS n, COUNT(CASE WHEN left_at <= grace_ends_at THEN 1 END) AS k
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)
  AND delivered_at IS NULL AND accepted_at IS NOT NULL AND grace_ends_at IS NOT NULL
  AND (left_at >= accepted_at OR (left_at IS NULL AND grace_ends_at <= :now))"""

REACHED_WITH_PLATE = """\
SELECT COUNT(*) AS n, COUNT(delivered_at) AS k
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)
  AND has_plate"""

REACHED = """\
SELECT COUNT(*) AS n, COUNT(delivered_at) AS k
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)"""

SECONDS_TO_DELIVERY = """\
SELECT delivered_after_s AS seconds, COUNT(*) AS n
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)
  AND delivered_after_s IS NOT NULL
GROUP BY delivered_after_s
ORDER BY delivered_after_s"""

REFERRED = """\
SELECT COUNT(*) AS n, COUNT(CASE WHEN is_referred THEN 1 END) AS k
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)"""

CONFIRMED = """\
SELECT COUNT(*) AS n, COUNT(CASE WHEN disposition = 'confirmed' THEN 1 END) AS k
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)
  AND decided_at IS NOT NULL"""

WITHDRAWN = """\
SELECT COUNT(*) AS n, COUNT(CASE WHEN disposition = 'withdrawn' THEN 1 END) AS k
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)
  AND ended_at IS NOT NULL"""

UNPROVEN = """\
SELECT COUNT(*) AS n, COUNT(CASE WHEN disposition = 'unproven' THEN 1 END) AS k
FROM case_fact
WHERE suspected_at >= :since AND suspected_at < :until
  AND camera_id = COALESCE(:site, camera_id)
  AND ended_at IS NOT NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What the parameters of the queries stand for.

    Attributes:
        since: The first instant.
        until: The first instant that does not belong to it any more.
        site: One camera's id; None for all.
        now: When it is asked.
    """

    since: datetime
    until: datetime
    site: str | None
    now: datetime


class Figures(Protocol):
    """Answers to published queries."""

    def ask(self, query: str, span: Span) -> Sequence[tuple[float, int]]:
        """Run one of this module's queries as it stands; its rows, two numbers each."""
        ...
