"""The files of a finished job go into the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.formats.asset import Asset
from openeo_plugin.results.documents import result_documents
from openeo_plugin.results.provenance import JobRecord


class ResultCatalogue(Protocol):
    """What is needed of the catalogue; `db.collections.CollectionStore` has it."""

    def put(
        self,
        document: dict[str, Any],
        items: Iterable[dict[str, Any]],
        *,
        owner: str | None = None,
        kind: Literal["source", "result"] = "source",
        job_id: str | None = None,
    ) -> None:
        """Store a collection with its items; what was there under its id is replaced."""
        ...


def publish(
    collections: ResultCatalogue,
    job: JobRecord,
    assets: Sequence[Asset],
    descriptions: Sequence[CubeDescription] = (),
    *,
    collections_url: str = "/openeo/v1/collections",
) -> dict[str, Any]:
    """Store the results of a job as a collection of its owner, at once; those of an earlier run are replaced.

    Arguments as of `result_documents`. Returns: the document of the collection.
    """
    document, items = result_documents(job, assets, descriptions, collections_url=collections_url)
    collections.put(document, items, owner=job.owner, kind="result", job_id=job.id)
    return document
