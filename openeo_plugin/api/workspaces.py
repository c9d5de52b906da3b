"""Microservice workspaces (extension 0.1.0): the folders that `export_workspace` copies results into.

The extension leaves open how to get at what a workspace holds. Its `url` is a list of its files here, each of which
can be downloaded by its owner.
"""

from __future__ import annotations

import mimetypes
from typing import Any

from flask import Response

from openeo_plugin.api import requests
from openeo_plugin.api.http import JSON, empty_response, json_body, json_response
from openeo_plugin.api.jobs import rfc3339
from openeo_plugin.api.links import api_url, link
from openeo_plugin.api.paging import page_links, requested_page, shown
from openeo_plugin.api.results import send_range
from openeo_plugin.api.routing import Access, Route, the_backend
from openeo_plugin.errors import OpenEOError
from openeo_plugin.results.workspaces import Workspace, Workspaces

EXTENSION = "https://api.openeo.org/extensions/workspaces/0.1.0"
PROVIDER = "folder"
FIXED = frozenset({"id", "type", "status", "details", "quota", "url", "properties", "free", "intent", "parameters"})
PROVIDERS: dict[str, Any] = {
    PROVIDER: {
        "title": "Folder",
        "description": "A folder on this server, for its owner only.",
        "intents": ["create"],
        "parameters": {},
    }
}


def list_workspace_providers(user: str | None) -> Response:
    """`GET /workspace_providers`."""
    return json_response({"providers": PROVIDERS})


def list_workspaces(user: str) -> Response:
    """`GET /workspaces`, those that an export has made too."""
    settings, page = the_backend().settings, requested_page()
    found = _of(user).list(after=page.behind, limit=page.fetched)
    links = page_links(settings, "/workspaces", page, found, key=lambda one: (one.id,))
    return json_response({"workspaces": [_summary(one) for one in shown(found, page)], "links": links})


def create_workspace(user: str) -> Response:
    """`POST /workspaces`: an empty folder. Storage that lies elsewhere can't be registered."""
    body = json_body()
    title, description = requests.text(body, "title"), requests.text(body, "description")
    if body.get("intent") != "create":
        raise OpenEOError("RequestInvalid", reason="`intent` must be 'create': what lies elsewhere is not connected.")
    if str(body.get("type") or PROVIDER).lower() != PROVIDER:
        raise OpenEOError("RequestInvalid", reason=f"`type` must be '{PROVIDER}'.")
    if requests.mapping(body, "parameters"):
        raise OpenEOError("RequestInvalid", reason=f"a workspace of the type '{PROVIDER}' has no parameters.")
    if body.get("quota") is not None:
        raise OpenEOError("RequestInvalid", reason="`quota` can't be set.")
    workspace = _of(user).create(title, description)
    headers = {
        "Location": api_url(the_backend().settings, f"/workspaces/{workspace.id}"),
        "OpenEO-Identifier": workspace.id,
    }
    return empty_response(201, headers)


def describe_workspace(user: str, workspace_id: str) -> Response:
    """`GET /workspaces/{workspace_id}`, with the number and size of its files."""
    workspace = _of(user).get(workspace_id)
    sizes = [size for _, size in workspace.files()]
    told: dict[str, Any] = {"files": len(sizes), "size": sum(sizes)}
    if workspace.created is not None:
        told["created"] = rfc3339(workspace.created)
    return json_response({**_summary(workspace), "properties": told})


def update_workspace(user: str, workspace_id: str) -> Response:
    """`PATCH /workspaces/{workspace_id}`: title and description."""
    body = json_body()
    requests.refuse_fixed(body, FIXED)
    changes = {name: requests.text(body, name) for name in ("title", "description") if name in body}
    if not changes:
        raise OpenEOError("NoDataForUpdate")
    _of(user).update(workspace_id, **changes)
    return empty_response(204)


def delete_workspace(user: str, workspace_id: str) -> Response:
    """`DELETE /workspaces/{workspace_id}`, with its files."""
    _of(user).delete(workspace_id)
    return empty_response(204)


def list_workspace_files(user: str, workspace_id: str) -> Response:
    """`GET /workspaces/{workspace_id}/files`: their paths and sizes."""
    settings, workspace = the_backend().settings, _of(user).get(workspace_id)
    path = f"/workspaces/{workspace_id}/files"
    files = [{"path": name, "size": size} for name, size in workspace.files()]
    entries = [name for one in files if str(name := one["path"]).endswith("/collection.json")]
    links = [link("child", api_url(settings, f"{path}/{name}"), JSON, "STAC collection") for name in entries]
    return json_response({"files": files, "links": [link("self", api_url(settings, path), JSON), *links]})


def download_workspace_file(user: str, workspace_id: str, path: str) -> Response:
    """`GET /workspaces/{workspace_id}/files/{path}`: a file, whole or a range of its bytes."""
    file = _of(user).get(workspace_id).file(path)
    return send_range(file, mimetypes.guess_type(file.name)[0] or "application/octet-stream")


def _of(user: str) -> Workspaces:
    return Workspaces(the_backend().settings.data_dir, user)


def _summary(workspace: Workspace) -> dict[str, Any]:
    fields = {
        "id": workspace.id,
        "title": workspace.title,
        "description": workspace.description,
        "type": PROVIDER,
        "status": "ready",
        "url": api_url(the_backend().settings, f"/workspaces/{workspace.id}/files"),
    }
    return {name: value for name, value in fields.items() if value is not None}


ROUTES = (
    Route("GET", "/workspace_providers", list_workspace_providers, Access.PUBLIC),
    Route("GET", "/workspaces", list_workspaces),
    Route("POST", "/workspaces", create_workspace),
    Route("GET", "/workspaces/{workspace_id}", describe_workspace),
    Route("PATCH", "/workspaces/{workspace_id}", update_workspace),
    Route("DELETE", "/workspaces/{workspace_id}", delete_workspace),
    Route("GET", "/workspaces/{workspace_id}/files", list_workspace_files),
    Route("GET", "/workspaces/{workspace_id}/files/{path:path}", download_workspace_file),
)
