"""Options of `save_result`: checked against what a format says of its own parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from openeo_plugin.errors import OpenEOError, suggest

FILENAME_PREFIX: dict[str, Any] = {
    "type": "string",
    "description": "How the names of the files begin: letters, digits, `_`, `-` and `.`, at most 100 characters. "
    "By default the back-end chooses.",
    "pattern": r"^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$",
}

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def checked(parameters: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with defaults filled in; an option without a default that is not given is left out.

    A null counts as not given. Strings with an `enum` are matched in any case, as GDAL does.
    Raises: ProcessParameterInvalid for an unknown option or a wrong value.
    """
    values = {name: schema["default"] for name, schema in parameters.items() if "default" in schema}
    for name, value in options.items():
        if name not in parameters:
            allowed = ", ".join(sorted(parameters)) or "none"
            _refuse(f"there is no option '{name}'.{suggest(name, list(parameters))} Options of this format: {allowed}.")
        if value is not None:
            values[name] = _value(name, value, parameters[name])
    return values


def _value(name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and "enum" in schema:
        value = next((known for known in schema["enum"] if str(known).lower() == value.lower()), value)
    kind = schema.get("type")
    wrong_type = kind in _TYPES and (
        not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")
    )
    if wrong_type:
        _refuse(f"the option '{name}' must be of type {kind}.")
    if "enum" in schema and value not in schema["enum"]:
        _refuse(f"the option '{name}' must be one of: {', '.join(str(known) for known in schema['enum'])}.")
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        _refuse(f"the option '{name}' must lie between {schema.get('minimum')} and {schema.get('maximum')}.")
    # `\Z` and not `$`: a trailing line break is no part of a file name
    if "pattern" in schema and not re.fullmatch(schema["pattern"].removesuffix("$") + r"\Z", value):
        _refuse(f"the option '{name}' has a value that is not allowed: {schema['description']}")
    return value


def _refuse(reason: str) -> None:
    raise OpenEOError("ProcessParameterInvalid", process="save_result", parameter="options", reason=reason)
