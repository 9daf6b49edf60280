"""The house rules that no linter knows, read from the syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("detector", "models", "pipeline", "review_ui")
PERSONAL = {"plate", "phone", "text", "contact", "password", "token", "body"}
LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical"}


def modules(*folders: str) -> list[Path]:
    return [
        file
        for folder in folders
        for file in sorted(Path(folder).rglob("*.py"))
        if "migrations" not in file.parts
    ]


def log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LOG_CALLS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in {"log", "logger", "logging"}
        ):
            yield node


@pytest.mark.parametrize("file", modules(*PACKAGES), ids=str)
def test_a_log_line_is_a_constant_sentence_without_personal_data(file: Path) -> None:
    for call in log_calls(ast.parse(file.read_text(encoding="utf-8"))):
        assert isinstance(call.args[0], ast.Constant), f"{file}:{call.lineno}: not constant"
        extras = [keyword.value for keyword in call.keywords if keyword.arg == "extra"]
        names = {
            key.value
            for extra in extras
            if isinstance(extra, ast.Dict)
            for key in extra.keys
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        assert not names & PERSONAL, f"{file}:{call.lineno}: {sorted(PERSONAL.intersection(names))}"


@pytest.mark.parametrize("file", modules("pipeline/policy"), ids=str)
def test_policy_code_holds_no_policy_numbers(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    constants = {
        id(node)
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
            is_named = id(node) in constants
            assert is_named or node.value in {0, 1}, f"{file}:{node.lineno}: {node.value!r}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_is_and_what_it_offers(package: str) -> None:
    for file in Path(package).rglob("__init__.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), f"{file} has no docstring"
    assert (Path(package) / "py.typed").exists()


@pytest.mark.parametrize("file", modules(*PACKAGES), ids=str)
def test_a_public_api_is_sorted(file: Path) -> None:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = ast.literal_eval(node.value)
            assert len(set(names)) == len(names), f"{file}: a name stands twice"


@pytest.mark.parametrize("file", modules(*PACKAGES), ids=str)
def test_no_module_has_a_name_that_says_nothing(file: Path) -> None:
    assert file.stem not in {"utils", "helpers", "common", "manager", "processor", "info", "models"}


def test_no_lock_file_names_a_host() -> None:
    for file in Path("requirements").glob("*.txt"):
        text = file.read_text(encoding="utf-8")
        assert "://" not in text, f"{file} names a host"
