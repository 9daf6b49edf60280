"""A network's file on this machine, checked before it is loaded."""

import hashlib
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["NetworkFile", "NetworkFileError", "NetworkKind", "find_network"]

_HERE = Path(__file__).parent
_SUFFIXES = {
    ".onnx": "openvino",
    ".pt": "ultralytics",
    ".engine": "ultralytics",
    ".torchscript": "ultralytics",
}


class NetworkFileError(Exception):
    """A network's file is missing, of the wrong kind, damaged, or not what its hash says."""


class NetworkKind(StrEnum):
    """Which runtime can run a file."""

    OPENVINO = "openvino"
    ULTRALYTICS = "ultralytics"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFile:
    """A file that exists and is what the manifest says, where the manifest knows it."""

    path: Path
    kind: NetworkKind
    sha256: str

    @property
    def version(self) -> str:
        """Short name for events: the file's name and the head of its hash."""
        return f"{self.path.name}@{self.sha256[:12]}"


def find_network(name: str) -> NetworkFile:
    """The file behind an entry of `manifest.toml`, or behind a path.

    Raises:
        NetworkFileError: no such entry or file, an unknown kind, or another hash than the entry's,
            or than that of a file `NAME.sha256` beside it.
    """
    entry = _manifest().get(name)
    path = _entry_path(name, entry) if entry else Path(name)
    if entry and not path.exists():
        raise NetworkFileError(
            f"weights {name}: {path} is missing; install the package {entry['package']} again"
            if "package" in entry
            else f"weights {name}: {path} is missing; install remindfirst again"
        )
    if not path.exists() or not name:
        known = ", ".join(sorted(_manifest()))
        raise NetworkFileError(
            f"weights {name}: no such file ({path.absolute()}); give a .onnx or .pt file, or one "
            f"of: {known}"
        )
    kind = _kind(path)
    sha256 = _sha256(path)
    expected = entry["sha256"] if entry else _noted_sha256(path)
    if expected is not None and sha256 != expected:
        raise NetworkFileError(
            f"weights {path}: SHA-256 is {sha256}, expected {expected}; fetch the file again"
        )
    return NetworkFile(path=path, kind=kind, sha256=sha256)


def _noted_sha256(path: Path) -> str | None:
    """What a file `NAME.sha256` beside the weights says, in the form of sha256sum."""
    note = path.with_name(f"{path.name}.sha256")
    words = note.read_text(encoding="utf-8").split() if note.is_file() else []
    return words[0].lower() if words else None


def _kind(path: Path) -> NetworkKind:
    if path.is_dir() and any(path.glob("*.xml")):
        return NetworkKind.OPENVINO
    kind = _SUFFIXES.get(path.suffix) if path.is_file() else None
    if kind is None:
        raise NetworkFileError(
            f"weights {path}: unknown kind; use {', '.join(_SUFFIXES)} or an OpenVINO folder"
        )
    return NetworkKind(kind)


@cache
def _manifest() -> dict[str, dict[str, str]]:
    return tomllib.loads((_HERE / "manifest.toml").read_text(encoding="utf-8"))


def _entry_path(name: str, entry: dict[str, str]) -> Path:
    package = entry.get("package")
    if package is None:
        return _HERE / "weights" / entry["file"]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise NetworkFileError(
            f"weights {name}: the package {package} is missing; install the extra `detector` again"
        )
    return Path(spec.origin).parent / entry["file"]


def _sha256(path: Path) -> str:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()
