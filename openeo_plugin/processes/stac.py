"""Processes on the STAC of results: it is changed and copied when the job that makes it stores its files."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Annotated, Any

from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment, SavedResult
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import Stac

_ID = r"^[A-Za-z0-9_\-\.~/]+$"
CollectionId = Annotated[str, Schema({"type": "string", "subtype": "collection-id", "pattern": _ID})]
NewCollectionId = Annotated[
    str,
    Schema(
        [
            {"type": "string", "pattern": _ID},
            {"type": "string", "subtype": "collection-id", "pattern": _ID},
        ]
    ),
]
WorkspaceId = Annotated[str, Schema({"type": "string", "subtype": "workspace-id", "pattern": r"^[\w\-\.~]+$"})]
Changes = Annotated[dict[str, Any], Schema({"type": "object"})]

# What the back-end works out itself from the files of a result.
_FIXED = {
    "type", "stac_version", "stac_extensions", "id", "links", "assets", "extent", "item_assets", "cube:dimensions",
    "created", "updated", "geometry", "bbox", "properties", "collection",
}  # fmt: skip
_TYPES: dict[str, type] = {
    "title": str,
    "description": str,
    "license": str,
    "keywords": list,
    "providers": list,
    "summaries": dict,
}
_NEEDED = ("description", "license")
_SEGMENT = re.compile(r"[\w~-][\w.~-]{0,120}", re.ASCII)


@process(level="L4", categories=["stac"], experimental=True)
def stac_modify(data: Stac, changes: Changes, *, environment: Environment) -> Stac:
    """Change the STAC metadata of a result, or any STAC resource that is given as JSON.

    Changes are merged member by member; null removes one (RFC 7386). The collection of a job's result takes changes
    of what people write: title, description, licence, keywords, providers, summaries and members of one's own. What
    is worked out from the files can't be changed.

    Args:
        data: what save_result gives, or a STAC resource.
        changes: the members to be merged.
    Returns: the changed resource.
    Source: openeo-processes 2.0.0-rc.2, stac_modify.
    """
    if isinstance(data, SavedResult):
        _check_changes(changes)
        return environment.modify(replace(data, changes=(*data.changes, changes)), changes)
    if not isinstance(data, dict) or not _is_stac(data):
        raise _refused("stac_modify", "data", "expected a result of save_result or a STAC resource.")
    return merged(data, changes)


@process(level="L4", categories=["export", "stac"], experimental=True)
def export_collection(data: Stac, collection: NewCollectionId, *, environment: Environment) -> CollectionId:
    """Put a result into a collection of one's own on this back-end.

    A collection that does not exist is made from the result's metadata and is seen by its owner only; one that was
    made by this process gets the new items. Files are copied, so the job can be deleted. It happens when a batch job
    stores its results.

    Args:
        data: what save_result gives.
        collection: its id.
    Returns: the id.
    Source: openeo-processes 2.0.0-rc.2, export_collection.
    """
    result = _result("export_collection", data)
    if not all(_SEGMENT.fullmatch(part) for part in collection.split("/")) or len(collection) > 200:
        raise _refused("export_collection", "collection", "a part of the id is empty, too long or begins with a dot.")
    environment.export(result, "collection", collection)
    return collection


@process(level="L4", categories=["export", "stac"], experimental=True)
def export_workspace(
    data: Stac,
    workspace: WorkspaceId,
    merge: Annotated[str | None, Schema({"type": ["string", "null"]})] = None,
    *,
    environment: Environment,
) -> Stac:
    """Copy a result as a static STAC collection into a workspace.

    Workspaces are folders of the user on the server. It happens when a batch job stores its results.

    Args:
        data: what save_result gives.
        workspace: its id; it is made if it does not exist.
        merge: path of a collection in the workspace, such as `alps/ndvi`, that gets the items; it is made if it does
            not exist. Null for a collection of the job's own.
    Returns: the result.
    Source: openeo-processes 2.0.0-rc.2, export_workspace.
    """
    result = _result("export_workspace", data)
    if not _SEGMENT.fullmatch(workspace):
        raise _refused("export_workspace", "workspace", "the id is too long or begins with a dot.")
    if merge is not None and not all(_SEGMENT.fullmatch(part) for part in merge.split("/")):
        reason = "the path consists of names of letters, digits, `_`, `-`, `~` and dots, parted by `/`."
        raise _refused("export_workspace", "merge", reason)
    environment.export(result, "workspace", workspace, merge)
    return result


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made


def _check_changes(changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if name in _FIXED or name.startswith("openeo:"):
            raise _refused("stac_modify", "changes", f"`{name}` is worked out from the files and can't be changed.")
        wanted = _TYPES.get(name)
        if value is None and name in _NEEDED:
            raise _refused("stac_modify", "changes", f"`{name}` can't be removed.")
        if wanted is not None and value is not None and not isinstance(value, wanted):
            raise _refused("stac_modify", "changes", f"`{name}` is of the wrong type.")
    if not all(isinstance(word, str) for word in changes.get("keywords") or []):
        raise _refused("stac_modify", "changes", "`keywords` are texts.")
    if not all(isinstance(p, dict) and isinstance(p.get("name"), str) for p in changes.get("providers") or []):
        raise _refused("stac_modify", "changes", "`providers` are objects with a `name`.")


def _is_stac(data: dict[str, Any]) -> bool:
    return data.get("type") in ("Feature", "Collection", "Catalog") and isinstance(data.get("stac_version"), str)


def _result(process_id: str, data: Any) -> SavedResult:
    if not isinstance(data, SavedResult):
        raise _refused(process_id, "data", "expected a result of save_result.")
    return data


def _refused(process_id: str, parameter: str, reason: str) -> OpenEOError:
    return OpenEOError("ProcessParameterInvalid", process=process_id, parameter=parameter, reason=reason)
