"""Every action that the pipeline writes into an audit chain has words, read from its source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

import pipeline
from review_ui.i18n import Language, load_texts
from review_ui.presenters.case_file import action_key

PIPELINE = Path(pipeline.__file__).parent
UNKNOWN = "…"
"""Stands for the part of an action that only a run would tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A function that writes its parameter `name` as the action; None is a keyword's position."""

    name: str
    position: int | None


def action_of(call: ast.Call, writer: Writer) -> ast.expr | None:
    """What `call` hands to the writer as the action."""
    named = [one.value for one in call.keywords if one.arg == writer.name]
    if named:
        return named[0]
    if writer.position is None or writer.position >= len(call.args):
        return None
    return call.args[writer.position]


def called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


NOTE = Writer(name="action", position=None)
"""`AuditNote` itself and `Effect`, whose fields are keywords only."""


def writers_in(tree: ast.AST) -> dict[str, Writer]:
    """The functions of a module that write one of their parameters as the action."""
    found = {}
    for function in functions(tree):
        names = [one.arg for one in function.args.args]
        for call in calls(function):
            action = action_of(call, NOTE) if called(call) == "AuditNote" else None
            if isinstance(action, ast.Name) and action.id in names:
                position = names.index(action.id)
                found[function.name] = Writer(name=action.id, position=position)
    return found


def values_of(wanted: ast.expr, function: ast.FunctionDef) -> set[str]:
    """All texts that an expression can be, as far as the source tells."""
    match wanted:
        case ast.Constant(value=str() | None as text):
            return {text} if text else set()
        case ast.IfExp(body=one, orelse=other):
            return values_of(one, function) | values_of(other, function)
        case ast.JoinedStr(values=parts):
            choices = [sorted(values_of(part, function)) for part in parts]
            return {"".join(chosen) for chosen in product(*choices)}
        case ast.FormattedValue(value=inner):
            return values_of(inner, function)
        case ast.Name(id=name):
            return assigned(name, function) or {UNKNOWN}
        case _:
            return {UNKNOWN}


def assigned(name: str, function: ast.FunctionDef) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                found |= values_of(value, function)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for one, value in zip(targets, values, strict=True):
                    if isinstance(one, ast.Name) and one.id == name:
                        found |= values_of(value, function)
    return found


def written_actions(sources: dict[str, str]) -> set[str]:
    """Every action in these modules; a part that only a run would tell is `UNKNOWN`."""
    trees = {module: ast.parse(source) for module, source in sources.items()}
    everywhere = {name: one for tree in trees.values() for name, one in writers_in(tree).items()}
    found: set[str] = set()
    for tree in trees.values():
        # A module's own function goes before one of the same name elsewhere.
        writers = {**everywhere, **writers_in(tree), "AuditNote": NOTE, "Effect": NOTE}
        for function in functions(tree):
            own = writers_in(tree).get(function.name)
            for call in calls(function):
                writer = writers.get(called(call))
                action = action_of(call, writer) if writer else None
                is_handed_on = own is not None and isinstance(action, ast.Name)
                # One that is read back from a chain was written by somebody else.
                is_read = isinstance(action, ast.Attribute) and action.attr == "action"
                if action is not None and not is_handed_on and not is_read:
                    found |= values_of(action, function)
    return found


ACTIONS = written_actions(
    {str(path): path.read_text(encoding="utf-8") for path in PIPELINE.rglob("*.py")}
)


@pytest.mark.parametrize("language", list(Language))
def test_every_action_of_the_pipeline_has_words(language: Language) -> None:
    texts = load_texts(language)
    missing = {
        one
        for one in ACTIONS
        if texts.find(action_key(one.rstrip(UNKNOWN)), disposition="") is None
    }
    assert missing == set()


def test_the_reader_finds_the_actions_of_each_kind() -> None:
    known = {"opened", "sighting", "departure seen", "viewed", "reminder queued", "operator asked"}
    assert known <= ACTIONS
    assert f"closed as {UNKNOWN}" in ACTIONS


def test_a_new_action_without_words_would_be_found() -> None:
    source = """
def _write(uow, case, action):
    uow.audit.append(AuditNote(case_id=case.id, action=action))

def invent(uow, case, is_new):
    what = "brand new" if is_new else "other"
    _write(uow, case, f"{what}: {case.cause}")
    uow.audit.append(AuditNote(action="by itself"))
"""
    found = written_actions({"one": source})
    assert found == {f"brand new: {UNKNOWN}", f"other: {UNKNOWN}", "by itself"}
    assert load_texts(Language.EN).find(action_key("brand new: x")) is None
