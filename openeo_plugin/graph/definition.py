"""What a process looks like from outside: parameters, return value, exceptions. Pure data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

JsonSchema = dict[str, Any] | list[dict[str, Any]]
Json = Any


@dataclass(frozen=True)
class Parameter:
    """A declared parameter. `default` counts only if `optional`.

    Args:
        accepts: the schema that arguments are held against, if the process takes more than the official one says.
    """

    name: str
    description: str
    schema: JsonSchema
    optional: bool = False
    default: Json = None
    accepts: JsonSchema | None = None

    @property
    def accepted(self) -> JsonSchema:
        """The schema that arguments are held against."""
        return self.schema if self.accepts is None else self.accepts

    def to_json(self) -> dict[str, Json]:
        """As `GET /processes` shows it."""
        shown: dict[str, Json] = {"name": self.name, "description": self.description, "schema": self.schema}
        return shown | {"optional": True, "default": self.default} if self.optional else shown

    def schemas(self) -> list[dict[str, Any]]:
        """The alternatives of the schema as a list."""
        return self.schema if isinstance(self.schema, list) else [self.schema]

    def accepted_schemas(self) -> list[dict[str, Any]]:
        """The alternatives of the schema that arguments are held against as a list."""
        return self.accepted if isinstance(self.accepted, list) else [self.accepted]


@dataclass(frozen=True)
class ProcessDefinition:
    """One process: what `GET /processes` shows, and the function behind it (None for user-defined ones).

    Args:
        takes_vectors: whether the function takes vector cubes itself, though its schemas do not speak of geometries.
    """

    id: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    returns: dict[str, Json]
    categories: tuple[str, ...] = ()
    exceptions: dict[str, dict[str, Json]] = field(default_factory=dict)
    links: tuple[dict[str, str], ...] = ()
    examples: tuple[dict[str, Json], ...] = ()
    experimental: bool = False
    level: str = ""
    function: Callable[..., Any] | None = None
    needs_environment: bool = False
    takes_vectors: bool = False
    process_graph: dict[str, Json] | None = None

    def parameter(self, name: str) -> Parameter | None:
        """The parameter called `name`."""
        return next((p for p in self.parameters if p.name == name), None)

    def to_json(self) -> dict[str, Json]:
        """As `GET /processes` shows it; nothing is null."""
        shown: dict[str, Json] = {
            "id": self.id,
            "summary": self.summary,
            "description": self.description,
            "categories": list(self.categories),
            "parameters": [p.to_json() for p in self.parameters],
            "returns": self.returns,
        }
        for key in ("exceptions", "examples", "links", "process_graph"):
            value = getattr(self, key)
            if value:
                shown[key] = list(value) if isinstance(value, tuple) else value
        return shown | {"experimental": True} if self.experimental else shown


class ProcessLookup(Protocol):
    """Where processes are found by id and namespace."""

    def find(self, process_id: str, namespace: str | None) -> ProcessDefinition | None:
        """The process, or None. Without a namespace: user-defined ones of the user first, then predefined ones."""
        ...

    def known(self) -> list[str]:
        """Ids of all processes that can be called without a namespace, for suggestions."""
        ...
