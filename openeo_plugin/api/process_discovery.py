"""Microservice process discovery: predefined and own processes, and whether a process is valid."""

from __future__ import annotations

from typing import Any

from flask import Response

from openeo_plugin.api.free_text import requested_words
from openeo_plugin.api.http import json_body, json_response
from openeo_plugin.api.paging import Page, page_links, requested_page, shown
from openeo_plugin.api.routing import Access, Route, the_backend
from openeo_plugin.api.user_data import check_description, check_id, process_summary, with_public_link
from openeo_plugin.driver.namespaces import USER_PREFIX
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.schema import mismatch
from openeo_plugin.processes.effort import limited
from openeo_plugin.results.synchronous import json_value

PROCESSES_VERSION = "2.0.0"
# @openeo/js-client asks for 50 processes and builds graphs from that first page only. The standard lets a back-end
# answer with the whole list, so that is what pages of this size are.
WHOLE_FROM = 50
CHECKED_MAX_S = 30.0  # of processor time
SEARCHED = ("id", "summary", "description", "categories")


def list_processes(user: str | None) -> Response:
    """`GET /processes`."""
    return _listed("/processes", the_backend().driver.processes())


def list_processes_of_namespace(user: str | None, namespace: str) -> Response:
    """`GET /processes/{namespace}`: `backend`, `user`, or `u:<user>` for what a user has made public."""
    path = f"/processes/{namespace}"
    if namespace == "backend":
        return _listed(path, the_backend().driver.processes())
    if namespace.startswith(USER_PREFIX):
        owner = namespace.removeprefix(USER_PREFIX)
        public = the_backend().processes.list_public(owner)
        return _listed(path, [process_summary(with_public_link(process, owner)) for process in public])
    if namespace != "user":
        known = "backend, user, u:<user>"
        raise OpenEOError("NotFound", message=f"There is no namespace '{namespace}'. Available: {known}")
    if user is None:
        raise OpenEOError("AuthenticationRequired")
    return _listed(path, [process_summary(process) for process in the_backend().processes.list(user)])


def describe_public_process(user: str | None, namespace: str, process_id: str) -> Response:
    """`GET /processes/{namespace}/{process_id}`: a public process with its graph; the address is its namespace."""
    if not namespace.startswith(USER_PREFIX):
        raise OpenEOError("ProcessGraphNotFound", identifier=process_id)
    owner = namespace.removeprefix(USER_PREFIX)
    return json_response(with_public_link(the_backend().processes.get_public(owner, process_id), owner))


def validate_process(user: str | None) -> Response:
    """`POST /validation`: every fault of a process; 200 also if there are some."""
    process = json_body()
    if "process_graph" not in process:
        faults = [OpenEOError("ProcessGraphMissing")]
    else:
        faults = _description_faults(process) + the_backend().driver.validate(process, user)
        faults = faults or _return_faults(process, user)
    return json_response({"errors": [fault.to_json() for fault in faults]})


def _description_faults(process: dict[str, Any]) -> list[OpenEOError]:
    try:
        if process.get("id") is not None:
            check_id(process["id"])
        check_description(process)
    except OpenEOError as error:
        return [error]
    return []


def _return_faults(process: dict[str, Any], user: str | None) -> list[OpenEOError]:
    """Whether a value that is known without reading a pixel is what the process promises to return."""
    schema = (process.get("returns") or {}).get("schema")
    if schema is None or process.get("parameters"):
        return []
    try:
        with limited(CHECKED_MAX_S):
            plan = the_backend().driver.plan(process, user)
    except OpenEOError:
        return []  # it was found valid as far as it could be checked: its values take too long
    reason = None if plan.results or plan.description is not None else mismatch(json_value(plan.value), schema)
    return [OpenEOError("ProcessInvalid", reason=f"it returns something else than it says: {reason}")] if reason else []


def _listed(path: str, processes: list[dict[str, object]]) -> Response:
    page, (words, kept) = requested_page(), requested_words()
    if page.limit is not None and page.limit >= WHOLE_FROM:
        page = Page(None, page.after)
    found = page.cut([process for process in processes if words.match(process, SEARCHED)])
    links = page_links(the_backend().settings, path, page, found, query=kept)
    return json_response({"version": PROCESSES_VERSION, "processes": list(shown(found, page)), "links": links})


ROUTES = (
    Route("GET", "/processes", list_processes, Access.PUBLIC),
    Route("GET", "/processes/{namespace}", list_processes_of_namespace, Access.PUBLIC),
    Route("GET", "/processes/{namespace}/{process_id}", describe_public_process, Access.PUBLIC),
    Route("POST", "/validation", validate_process, Access.PUBLIC),
)
