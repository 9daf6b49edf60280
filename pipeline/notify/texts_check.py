"""What a person reads about a folder of wordings before the worker uses it."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from pipeline.notify.templates import SHIPPED, Finding, read_texts
from pipeline.notify.wording import (
    Kind,
    Language,
    Template,
    is_renderable,
    longest,
    sms_segments,
    spoken_s,
    typical,
)
from pipeline.policy.entries import ChannelKind

__all__ = ["check_texts"]


def check_texts(folder: Path | None) -> tuple[list[str], tuple[Finding, ...]]:
    """The lines about every template of a folder (None: the shipped ones), and all findings."""
    templates, found = read_texts(folder or SHIPPED)
    lines = [line for template in sorted(templates, key=_order) for line in _about(template, found)]
    if folder is not None:
        lines += _left_to_shipped(templates)
    lines.append(f"{len(templates)} templates, {len(found)} findings")
    return lines, found


def _order(template: Template) -> tuple[int, int, int, str]:
    kind, channel, language = template.slot
    return (
        list(Kind).index(kind),
        list(ChannelKind).index(channel),
        list(Language).index(language),
        template.valid_from.isoformat(),
    )


def _about(template: Template, found: Sequence[Finding]) -> Iterator[str]:
    yield (
        f"{' '.join(template.slot)}: {template.id} version {template.version} "
        f"by {template.author}, from {template.valid_from.isoformat()} ({template.file})"
    )
    if is_renderable(template):
        ordinary = typical(template).text
        yield f"  ordinary: {_size(template, ordinary)}"
        yield f"  longest: {_size(template, longest(template).text)}"
        yield f"  {ordinary}"
    for one in found:
        if (one.file, one.template) == (template.file, template.id):
            yield f"  FINDING {one.line}"


def _size(template: Template, text: str) -> str:
    match template.channel:
        case ChannelKind.SMS:
            count = sms_segments(text)
            return (
                f"{len(text)} characters, {count.segments} of at most {template.max_segments} "
                f"segments ({count.units} units of {count.encoding})"
            )
        case ChannelKind.VOICE:
            return f"{len(text)} characters, heard for {spoken_s(text, template.language):.0f} s"
        case ChannelKind.PUSH:
            return f"{len(text)} characters"


def _left_to_shipped(templates: Sequence[Template]) -> Iterator[str]:
    own = {template.slot for template in templates}
    for slot in product(Kind, ChannelKind, Language):
        if slot not in own:
            yield f"{' '.join(slot)}: the shipped one"
