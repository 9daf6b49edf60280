"""Rehearsal: what would have been different had a draft of the rulebook been in force."""

from pipeline.rehearsal.draft import Difference, DraftRulebook, require_in_force
from pipeline.rehearsal.outcome import Ending, Label, Unknowable
from pipeline.rehearsal.plan import Plan
from pipeline.rehearsal.rehearse import rehearse, rehearse_together
from pipeline.rehearsal.report import json_of, print_report
from pipeline.rehearsal.result import Change, Rehearsal, SelfCheck, SiteTotals
from pipeline.rehearsal.totals import Count, Totals

__all__ = [
    "Change",
    "Count",
    "Difference",
    "DraftRulebook",
    "Ending",
    "Label",
    "Plan",
    "Rehearsal",
    "SelfCheck",
    "SiteTotals",
    "Totals",
    "Unknowable",
    "json_of",
    "print_report",
    "rehearse",
    "rehearse_together",
    "require_in_force",
]
