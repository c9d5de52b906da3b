"""`import`, `migrate`, `publish`: what stands in the catalogue."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from config.settings import Settings
from openeo_plugin.commands.error import CommandError


def import_(settings: Settings, given: argparse.Namespace) -> int:
    """Make collections of a folder. Status 1 if nothing could be imported."""
    from openeo_plugin.backend import open_backend

    backend = open_backend(settings)
    if given.owner and backend.users.get(given.owner) is None:
        raise CommandError(f"there is no user '{given.owner}'. Add it with `pygeoapi-openeo user add {given.owner}`.")
    import_folder_into(backend.collections, given.folder, identifier=given.id, owner=given.owner)
    return 0


def import_folder_into(
    collections: Any, folder: Path, *, identifier: str | None = None, owner: str | None = None
) -> list[str]:
    """Import a folder and tell what came of it. Returns: ids of the collections."""
    from openeo_plugin.sources.importing import import_folder

    found = import_folder(folder, collection_id=identifier)
    for collection in found:
        collections.put(collection.document, collection.items, owner=owner)
        print(f"{collection.document['id']}: {len(collection.items)} items")
        for warning in collection.warnings:
            print(f"  warning: {warning}")
    return [collection.document["id"] for collection in found]


def migrate(settings: Settings, given: argparse.Namespace) -> int:
    """Create the database or bring it up to date."""
    from db.session import Database

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    current = database.is_current()
    if not current:
        database.migrate()
    print("The database is up to date." if current else "The database has been brought up to date.")
    return 0


def publish(settings: Settings, given: argparse.Namespace) -> int:
    """Create a service of a job's result or of a process, and print its address."""
    from openeo_plugin.backend import open_backend
    from services.access import check_service
    from services.registry import attributes, validate

    backend = open_backend(settings)
    process = _process(backend, given.what, given.user)
    type_name = validate(given.type, {})
    check_service(backend.driver.plan(process, given.user), type_name, {})
    service = backend.services.create(given.user, type_name, process, title=given.title)
    print(attributes(service, settings.public_base)[0])
    return 0


def _process(backend: Any, what: str, user: str) -> dict[str, Any]:
    file = Path(what)
    if file.suffix == ".json" or file.is_file():
        try:
            loaded = json.loads(file.read_text())
        except ValueError as error:
            raise CommandError(f"{file} is no JSON: {error}") from None
        found = loaded.get("process", loaded) if isinstance(loaded, dict) else {}
        return found if "process_graph" in found else {"process_graph": found}
    job = backend.jobs.get(what, user)
    if job.status != "finished":
        raise CommandError(f"the job {what} is {job.status}; only a finished one can be published.")
    arguments = {"id": job.id, "spatial_extent": None, "temporal_extent": None}
    return {"process_graph": {"load": {"process_id": "load_collection", "arguments": arguments, "result": True}}}
