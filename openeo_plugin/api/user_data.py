"""Microservice user data: the processes a user has defined."""

from __future__ import annotations

import re
from typing import Any

from flask import Response

from openeo_plugin.api.http import JSON, empty_response, json_body, json_response
from openeo_plugin.api.links import api_url, link
from openeo_plugin.api.paging import page_links, requested_page, shown
from openeo_plugin.api.routing import Route, the_backend
from openeo_plugin.driver.namespaces import USER_PREFIX
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.schema import is_schema

# openEO has \w only; that dashes are taken is for clients that name processes by UUID, as the official suite does.
ID_RULE = "an id holds letters, digits, underscores and dashes, up to 255."
_ID = re.compile(r"[\w-]{1,255}", re.ASCII)


def process_summary(process: dict[str, Any]) -> dict[str, Any]:
    """A user-defined process as lists show it: without its graph."""
    return {name: value for name, value in process.items() if name != "process_graph" and value is not None}


def with_public_link(process: dict[str, Any], owner: str) -> dict[str, Any]:
    """A whole user-defined process; a public one with the address that others use as its namespace."""
    given = {name: value for name, value in process.items() if value is not None}
    if process.get("public") is not True:
        return given
    href = api_url(the_backend().settings, f"/processes/{USER_PREFIX}{owner}/{process['id']}")
    canonical = link("canonical", href, JSON, "Address of this process, usable as its namespace")
    others = [one for one in given.get("links", []) if one.get("rel") != "canonical"]
    return {**given, "links": [*others, canonical]}


def list_user_processes(user: str) -> Response:
    """`GET /process_graphs`."""
    backend, page = the_backend(), requested_page()
    found = backend.processes.list(user, limit=page.fetched, after=page.behind)
    processes = [process_summary(process) for process in shown(found, page)]
    links = page_links(backend.settings, "/process_graphs", page, found, key=lambda process: (process["id"],))
    return json_response({"processes": processes, "links": links})


def describe_user_process(user: str, process_graph_id: str) -> Response:
    """`GET /process_graphs/{process_graph_id}`."""
    process = the_backend().processes.get(user, process_graph_id)
    return json_response(with_public_link(process, user))


def store_user_process(user: str, process_graph_id: str) -> Response:
    """`PUT /process_graphs/{process_graph_id}`: replaces the whole process; the id in the path wins.

    With `public: true` others may use it, through its address. A process may be incomplete or use processes that do
    not exist yet; faults show when it is used.
    """
    backend = the_backend()
    check_id(process_graph_id)
    if any(process["id"] == process_graph_id for process in backend.driver.processes()):
        raise OpenEOError("PredefinedProcessExists", process=process_graph_id)
    backend.processes.put(user, process_graph_id, _definition(json_body(), process_graph_id))
    return empty_response(200)


def delete_user_process(user: str, process_graph_id: str) -> Response:
    """`DELETE /process_graphs/{process_graph_id}`."""
    the_backend().processes.delete(user, process_graph_id)
    return empty_response(204)


def _definition(body: dict[str, Any], process_graph_id: str) -> dict[str, Any]:
    if not isinstance(body.get("process_graph"), dict):
        raise OpenEOError("ProcessGraphMissing")
    check_description(body)
    given = {name: value for name, value in body.items() if value is not None}
    return {**given, "id": process_graph_id}


def check_id(identifier: object) -> None:
    """Raises: ProcessInvalid."""
    if not isinstance(identifier, str) or not _ID.fullmatch(identifier):
        raise OpenEOError("ProcessInvalid", reason=ID_RULE)


def check_description(body: dict[str, Any]) -> None:
    """Raises: ProcessInvalid, for anything around a process graph, but its id, that is not of the right form."""
    kinds: dict[str, type] = {
        "summary": str,
        "description": str,
        "parameters": list,
        "returns": dict,
        "categories": list,
        "exceptions": dict,
        "examples": list,
        "links": list,
        "deprecated": bool,
        "experimental": bool,
        "public": bool,
    }
    for name, kind in kinds.items():
        if body.get(name) is not None and not isinstance(body[name], kind):
            raise OpenEOError("ProcessInvalid", reason=f"`{name}` is not of the right type.")
    _check_parameters(body.get("parameters") or [])
    _check_schema((body.get("returns") or {}).get("schema"), "the return value")


def _check_parameters(parameters: list[Any]) -> None:
    names = [parameter.get("name") if isinstance(parameter, dict) else None for parameter in parameters]
    if not all(isinstance(name, str) and name for name in names):
        raise OpenEOError("ProcessInvalid", reason="every parameter needs a name.")
    if len(set(names)) < len(names):
        raise OpenEOError("ProcessInvalid", reason="two parameters have the same name.")
    for parameter in parameters:
        _check_schema(parameter.get("schema"), f"the parameter '{parameter['name']}'")


def _check_schema(schema: Any, of: str) -> None:
    if schema is not None and not is_schema(schema):
        raise OpenEOError("ProcessInvalid", reason=f"the schema of {of} is no JSON Schema.")


ROUTES = (
    Route("GET", "/process_graphs", list_user_processes),
    Route("GET", "/process_graphs/{process_graph_id}", describe_user_process),
    Route("PUT", "/process_graphs/{process_graph_id}", store_user_process),
    Route("DELETE", "/process_graphs/{process_graph_id}", delete_user_process),
)
