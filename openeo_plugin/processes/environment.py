"""What the back-end lends to a process: the user's data, where results go, the node that is being built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from openeo_plugin.engine.operator import Operator


@dataclass(frozen=True)
class SavedResult:
    """A result that a graph asked to be stored: `data` is an operator or a JSON value."""

    node: str
    format: str
    options: dict[str, Any]
    data: Operator | Any


class Environment(Protocol):
    """Given to the processes that ask for it by annotation."""

    @property
    def node(self) -> str:
        """Id of the node that is being built."""
        ...

    def at(self, node: str) -> Environment:
        """The same for another node."""
        ...

    def collection(self, identifier: str) -> dict[str, Any]:
        """The stored STAC collection.

        Raises: CollectionNotFound.
        """
        ...

    def items(
        self, identifier: str, bbox: tuple[float, float, float, float] | None, start: str | None, end: str | None
    ) -> list[dict[str, Any]]:
        """Items with start <= t < end that touch the bbox (west, south, east, north in lon/lat), by (datetime, id)."""
        ...

    def save(self, result: SavedResult) -> SavedResult:
        """Ask for a result to be stored; format and options are checked.

        Raises: FormatUnsuitable, DataCubeEmpty, ProcessParameterInvalid.
        """
        ...
