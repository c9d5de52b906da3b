"""Where the processes of a graph are found: predefined ones, those the user stored, and those of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from openeo_plugin.driver.namespaces import Namespaces, is_foreign
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.definition import Parameter, ProcessDefinition
from openeo_plugin.graph.schema import is_schema
from openeo_plugin.processes.registry import predefined

StoredProcess = Callable[[str], dict[str, Any] | None]
"""Gives the stored definition of a user's process, or None."""


class Lookup:
    """The processes that one user may call."""

    def __init__(
        self,
        stored: StoredProcess,
        foreign: Namespaces | None = None,
        own_ids: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._stored = stored
        self._foreign = foreign
        self._own_ids = own_ids
        self._known: dict[tuple[str, str], ProcessDefinition | None] = {}

    def find(self, process_id: str, namespace: str | None) -> ProcessDefinition | None:
        """A predefined process counts before one of the user's, unless the namespace says `user`.

        Raises: ProcessNamespaceInvalid, for a namespace of somebody else that holds no such process.
        """
        if namespace is not None and self._foreign is not None and is_foreign(namespace):
            if (process_id, namespace) not in self._known:
                definition = user_defined(self._foreign.find(process_id, namespace))
                self._known[process_id, namespace] = definition
            return self._known[process_id, namespace]
        if namespace in (None, "backend"):
            found = predefined().get(process_id)
            if found is not None or namespace == "backend":
                return found
        if namespace not in (None, "user"):
            return None
        if (process_id, "user") not in self._known:
            self._known[process_id, "user"] = user_defined(self._stored(process_id))
        return self._known[process_id, "user"]

    def known(self) -> list[str]:
        """Ids of the predefined processes and of the user's own."""
        return sorted({*predefined(), *self._own_ids()})


def user_defined(stored: dict[str, Any] | None) -> ProcessDefinition | None:
    """A stored process as a definition; None if it has no process graph."""
    if not stored or not stored.get("process_graph"):
        return None
    return ProcessDefinition(
        id=stored.get("id", ""),
        summary=stored.get("summary", ""),
        description=stored.get("description", ""),
        parameters=declared_parameters(stored),
        returns=stored.get("returns") or {"description": "", "schema": {}},
        process_graph=stored["process_graph"],
    )


def declared_parameters(process: dict[str, Any]) -> tuple[Parameter, ...]:
    """The parameters that a process declares.

    Raises: ProcessInvalid.
    """
    declared = process.get("parameters") or []
    if not isinstance(declared, list) or not all(
        isinstance(p, dict) and isinstance(p.get("name"), str) for p in declared
    ):
        raise OpenEOError("ProcessInvalid", reason="`parameters` is not a list of objects with a `name`.")
    for parameter in declared:
        if parameter.get("schema") and not is_schema(parameter["schema"]):
            reason = f"the schema of the parameter '{parameter['name']}' is no JSON Schema."
            raise OpenEOError("ProcessInvalid", reason=reason)
    return tuple(
        Parameter(
            name=p["name"],
            description=p.get("description", ""),
            schema=p.get("schema") or {},
            optional=bool(p.get("optional", "default" in p)),
            default=p.get("default"),
        )
        for p in declared
    )
