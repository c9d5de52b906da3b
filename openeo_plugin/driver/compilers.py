"""Compilers over a catalogue: they share where processes and collections are looked up, and differ in the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openeo_plugin.driver.compile import CompileEnvironment, Compiler
from openeo_plugin.driver.lookup import Lookup
from openeo_plugin.driver.namespaces import Namespaces
from openeo_plugin.egress.client import Egress
from openeo_plugin.egress.documents import Documents
from openeo_plugin.egress.policy import EgressError, policy_of
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.parse import GraphLimits

if TYPE_CHECKING:
    from config.settings import Settings
    from db.collections import CollectionStore
    from db.processes import ProcessStore


class Compilers:
    """Makes a compiler for each user. Safe to use from many threads."""

    def __init__(self, settings: Settings, collections: CollectionStore, processes: ProcessStore) -> None:
        self._collections = collections
        self._processes = processes
        self._limits = GraphLimits(nodes=settings.graph_max_nodes, callbacks=settings.graph_max_depth)
        self._limit_s = settings.sync_timeout_s
        self._outside = Documents(Egress(policy_of(settings)))
        self._public_base = settings.public_base
        own_address = f"{settings.public_base}/openeo/v1/processes"
        fetch = self._definition if settings.egress_namespaces else None
        self._foreign = Namespaces(processes.get_public, own_address, fetch)

    def of(self, user: str | None) -> Compiler:
        """The compiler of a user; it is used once."""

        def stored(process_id: str) -> dict[str, Any] | None:
            if user is None:
                return None
            try:
                return self._processes.get(user, process_id)
            except OpenEOError:
                return None

        def own_ids() -> list[str]:
            return [] if user is None else [process["id"] for process in self._processes.list(user)]

        environment = CompileEnvironment(
            node="",
            load=lambda identifier: self._collections.get(identifier, user),
            search=lambda identifier, bbox, start, end: self._collections.items(
                identifier, bbox=bbox, start=start, end=end
            ),
            outside=self._outside,
            public_base=self._public_base,
        )
        return Compiler(Lookup(stored, self._foreign, own_ids), environment, self._limits, self._limit_s)

    def _definition(self, url: str) -> Any:
        """JSON from the web. Raises: ValueError."""
        try:
            return self._outside.get(url)[1]
        except EgressError as error:
            raise ValueError(str(error)) from None
