"""Which pictures an act needs before a person may confirm it.

Source: GA/T 832-2014, 3.3.1 (two panoramas taken at different times) and 3.5 (acts at rest: 10 s
or more between them).
"""

from datetime import timedelta

from pipeline.case import Case

__all__ = ["PANORAMA_SPACING", "has_panorama_pair"]

PANORAMA_SPACING = timedelta(seconds=10)


def has_panorama_pair(case: Case) -> bool:
    """Whether two panoramas of the stay lie 10 s or more apart."""
    return case.last_seen_at - case.suspected_at >= PANORAMA_SPACING
