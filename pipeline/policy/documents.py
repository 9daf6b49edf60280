"""A YAML document of the policy's data, checked as it is read."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.errors import findings
from pipeline.policy.parameters import RulebookError

__all__ = ["read_document"]

M = TypeVar("M", bound=BaseModel)


def read_document(model: type[M], path: Path, *, called: str) -> M:
    """The file at `path` as a `model`; `called` is what people call such a file.

    Raises:
        RulebookError: not there, no YAML, or a wrong value; names the file, the place and the fix.
    """
    where = f"{called} {path}"
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as exc:
        raise RulebookError(f"{where}: {exc.strerror}") from exc
    # A day such as 2026-02-30 stops the YAML reader with a plain ValueError.
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise RulebookError(f"{where}: no valid YAML: {exc}") from exc
    except ValidationError as exc:
        raise RulebookError(findings(exc, where)) from exc
    except ValueError as exc:
        raise RulebookError(f"{where}: {exc}") from exc
