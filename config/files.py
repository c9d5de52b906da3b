"""A file with options: YAML that holds a mapping of their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class OptionsError(ValueError):
    """Options that can't be read at all, in a sentence that names where they stand."""


def options_in(file: Path | None) -> dict[str, Any]:
    """The options of a file; none without a file.

    Raises: OptionsError, if it holds anything but a mapping of names; OSError, if it can't be opened.
    """
    if file is None:
        return {}
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise OptionsError(f"{file} is no text in UTF-8") from None
    except yaml.YAMLError as error:
        raise OptionsError(f"{file} is no YAML: {_fault(error)}") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise OptionsError(f"{file} must hold a mapping of options, such as `port: 8080`")
    return content


def _fault(error: yaml.YAMLError) -> str:
    """What is wrong and where, without the text, as that may be a secret."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it can't be read"
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else str(problem)
