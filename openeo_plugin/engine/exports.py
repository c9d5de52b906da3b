"""What a graph asks to be done with its results once they are there: changes of their STAC, and copies elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

EXPORTED = "openeo:exported"
"""True in the document of a collection that was made by an export."""


@dataclass(frozen=True)
class Export:
    """A copy of a result.

    Args:
        node: that asks for it.
        result: place of the result among those that the graph saves.
        kind: into a collection of the catalogue, or into a workspace.
        target: id of the collection or of the workspace.
        merge: path of the STAC resource in the workspace that the result is merged into; None for one of its own.
        changes: merge patches of the STAC of the copy, in order.
    """

    node: str
    result: int
    kind: Literal["collection", "workspace"]
    target: str
    merge: str | None = None
    changes: tuple[Mapping[str, Any], ...] = ()
