"""What clients send to jobs, services and synchronous processing, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openeo_plugin.errors import OpenEOError

LOG_LEVELS = ("error", "warning", "info", "debug")
_TEXT_MAX = 10_000


def text(body: Mapping[str, Any], name: str) -> str | None:
    """An optional text. Raises: RequestInvalid."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise OpenEOError("RequestInvalid", reason=f"`{name}` must be a text.")
    if value is not None and len(value) > _TEXT_MAX:
        raise OpenEOError("RequestInvalid", reason=f"`{name}` is longer than {_TEXT_MAX} characters.")
    return value


def flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    """A truth value; null, which the R client sends for what is not given, is the default. Raises: RequestInvalid."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise OpenEOError("RequestInvalid", reason=f"`{name}` must be true or false.")
    return value


def mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object, empty if not given. Raises: RequestInvalid."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise OpenEOError("RequestInvalid", reason=f"`{name}` must be an object.")
    return value


def process(body: Mapping[str, Any]) -> dict[str, Any]:
    """The process of a request, unchecked but for its shape. Raises: RequestInvalid, ProcessGraphMissing."""
    value = body.get("process")
    if value is None:
        raise OpenEOError("ProcessGraphMissing")
    if not isinstance(value, dict):
        raise OpenEOError("RequestInvalid", reason="`process` must be an object.")
    if not isinstance(value.get("process_graph"), dict):
        raise OpenEOError("ProcessGraphMissing")
    return {name: field for name, field in value.items() if field is not None}


def log_level(body: Mapping[str, Any]) -> str | None:
    """Least severe level to keep, None if not given. Raises: RequestInvalid."""
    level = text(body, "log_level")
    if level is not None and level not in LOG_LEVELS:
        raise OpenEOError("RequestInvalid", reason=f"`log_level` must be one of {', '.join(LOG_LEVELS)}.")
    return level


def refuse_fixed(body: Mapping[str, Any], fixed: frozenset[str]) -> None:
    """Raises: PropertyNotEditable."""
    for name in body:
        if name in fixed:
            raise OpenEOError("PropertyNotEditable", property=name)


def refuse_faults(faults: list[OpenEOError]) -> None:
    """Raises: the first of the faults of a process; its message says how many more there are."""
    if not faults:
        return
    first, *others = faults
    if not others:
        raise first
    more = "One more fault" if len(others) == 1 else f"{len(others)} more faults"
    raise OpenEOError(first.code, message=f"{first.message} ({more}: see POST /validation.)")
