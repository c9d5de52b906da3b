"""What the back-end lends to a process: the user's data, where results go, the node that is being built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from openeo_plugin.egress.documents import Documents
from openeo_plugin.engine.operator import Operator


@dataclass(frozen=True)
class SavedResult:
    """A result that a graph asked to be stored: `data` is an operator or a JSON value.

    Args:
        changes: merge patches of its STAC, in order.
    """

    node: str
    format: str
    options: dict[str, Any]
    data: Operator | Any
    changes: tuple[Mapping[str, Any], ...] = ()


class Postponed(Exception):  # noqa: N818 - no error: what stands behind the node can't be checked yet
    """The value of a node is known only when the graph is run, not when it is checked."""


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

    @property
    def outside(self) -> Documents:
        """What reaches outside."""
        ...

    @property
    def public_base(self) -> str:
        """The address of this back-end, no trailing slash; "" if it has none."""
        ...

    @property
    def only_checking(self) -> bool:
        """Whether the graph is checked, and nothing must be set off that has effects elsewhere."""
        ...

    def save(self, result: SavedResult) -> SavedResult:
        """Ask for a result to be stored; format and options are checked.

        Raises: FormatUnsuitable, DataCubeEmpty, ProcessParameterInvalid.
        """
        ...

    def modify(self, result: SavedResult, changes: Mapping[str, Any]) -> SavedResult:
        """Ask for the STAC of the job's results to be changed, too."""
        ...

    def export(
        self, result: SavedResult, kind: Literal["collection", "workspace"], target: str, merge: str | None = None
    ) -> None:
        """Ask for a result to be copied when it is stored.

        Raises: PermissionsInsufficient, if there is a collection of this id that the user can't add to.
        """
        ...
