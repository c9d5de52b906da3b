"""Notes in a file: what there is to know of it beside the cube, such as that it holds only a part of its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from openeo_plugin.formats.format import Format


@runtime_checkable
class Noting(Protocol):
    """A format whose files hold notes; a frozen dataclass."""

    @property
    def notes(self) -> Mapping[str, str]:
        """Texts by name. Names are of letters, digits and `_`."""
        ...


def with_notes(format_: Format, notes: Mapping[str, str]) -> Format:
    """The same format, whose files hold these notes; unchanged if it has no place for them."""
    if not isinstance(format_, Noting):
        return format_
    noting: Any = format_
    changed: Format = replace(noting, notes=dict(notes))
    return changed
