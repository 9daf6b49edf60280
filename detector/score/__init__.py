"""Holds what the detector says of a clip against what people saw in it."""

from detector.score.clip import TruthClip, open_clips, parse_types, score_clip
from detector.score.episode import Episode, Watched
from detector.score.judging import ClipScore, Finding, TypeScore, Verdict, judge, totals
from detector.score.pictures import write_pictures
from detector.score.printing import as_json, finding_lines, score_table
from detector.score.truth import JUDGED_TYPES, Setting, Truth, camera_document, load_truth
from detector.score.watching import MemoryPublisher, MemoryStore, memory_loop, watch

__all__ = [
    "JUDGED_TYPES",
    "ClipScore",
    "Episode",
    "Finding",
    "MemoryPublisher",
    "MemoryStore",
    "Setting",
    "Truth",
    "TruthClip",
    "TypeScore",
    "Verdict",
    "Watched",
    "as_json",
    "camera_document",
    "finding_lines",
    "judge",
    "load_truth",
    "memory_loop",
    "open_clips",
    "parse_types",
    "score_clip",
    "score_table",
    "totals",
    "watch",
    "write_pictures",
]
