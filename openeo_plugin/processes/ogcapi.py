"""Processes that run a process of OGC API - Processes: one of this back-end, or one elsewhere."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import quote

from openeo_plugin.egress.address import joined
from openeo_plugin.egress.client import Answer, Egress
from openeo_plugin.egress.policy import EgressError, MissingError, UnreachableError
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment, Postponed
from openeo_plugin.processes.load_remote import WebAddress, refused_address
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import Anything

OWN_PROCESS = "OpenEO"
"""The process that `/oapi/processes` of this back-end offers."""

POLL_S = 1.0
MAX_WAIT_S = 300.0
_STILL_RUNNING = ("accepted", "running")

Context = Annotated[
    dict[str, Any],
    Schema(
        {"type": "object"},
        accepts={
            "type": "object",
            "properties": {},
            "additionalProperties": {
                "subtype": "process-graph",
                "parameters": [{"name": "data", "description": "What is given as `data`.", "schema": {}}],
            },
        },
    ),
]


@process(level="L4", categories=["cubes", "import", "udf"], experimental=True)
def run_ogcapi(data: Anything, id: str, context: Context = {}) -> Anything:  # noqa: B006
    """Run a process of this back-end's OGC API - Processes.

    There is one, `OpenEO`, whose input `process` is an openEO process. It runs within this graph, without a request,
    so that cubes go in and come out as they are.

    Args:
        data: the process itself, as an object with a `process_graph`; or, where `context` holds the process, anything
            that it refers to as the parameter `data`.
        id: `OpenEO`.
        context: further inputs: `process`. Title and description of a job are of no account here.
    Returns: what the process gives.
    Raises: InvalidOgcApiProcess.
    Source: openeo-processes 2.0.0-rc.2, run_ogcapi.
    """
    if id != OWN_PROCESS:
        raise OpenEOError("InvalidOgcApiProcess", process=id)
    unknown = sorted(set(context) - {"process", "title", "description"})
    if unknown:
        raise _refused("run_ogcapi", "context", f"the process has no input '{unknown[0]}'.")
    if callable(context.get("process")):
        return context["process"](data=data)
    if not callable(data):
        reason = "the process OpenEO needs an object with a `process_graph`, here or as `process` in the context."
        raise _refused("run_ogcapi", "data", reason)
    return data()


@process(level="L4", categories=["cubes", "import", "udf"], experimental=True)
def run_ogcapi_externally(
    data: Anything,
    url: WebAddress,
    id: str,
    context: Context = {},  # noqa: B006
    *,
    environment: Environment,
) -> Anything:
    """Run a process of another server's OGC API - Processes.

    It runs when the graph is planned, not when it is only checked. A process that runs asynchronously is waited for,
    five minutes at most. No credentials are sent.

    Args:
        data: JSON. It becomes the input `data`, or the only input that the process needs and `context` lacks.
        url: of the landing page. Only addresses that the back-end may reach are asked.
        id: of the process.
        context: further inputs by name.
    Returns: the JSON that the process gives.
    Raises: InvalidOgcApiProcess.
    Source: openeo-processes 2.0.0-rc.2, run_ogcapi_externally.
    """
    if not _is_json(data) or not _is_json(context):
        raise _refused("run_ogcapi_externally", "data", "only JSON can be sent, no data cube and no process.")
    egress = environment.outside.egress
    address = f"{url.partition('?')[0].rstrip('/')}/processes/{quote(id, safe='')}"
    try:
        described = _object(environment.outside.get(address)[1])
        inputs = _inputs(described, data, context)
        if environment.only_checking:
            raise Postponed
        return _executed(egress, f"{address}/execution", {"inputs": inputs})
    except MissingError as error:
        raise OpenEOError("InvalidOgcApiProcess", process=id) from error
    except EgressError as error:
        raise refused_address("run_ogcapi_externally", error) from error


def _inputs(described: dict[str, Any], data: Any, context: dict[str, Any]) -> dict[str, Any]:
    """Inputs by name."""
    declared = {n: i for n, i in _object(described.get("inputs")).items() if isinstance(i, dict)}
    if "data" in declared or not declared:
        return {**context, "data": data}
    missing = [n for n, i in declared.items() if i.get("minOccurs", 1) != 0 and n not in context]
    if len(missing) == 1:
        return {**context, missing[0]: data}
    names = ", ".join(declared)
    reason = f"the process has no input `data` and lacks not just one. Name the others in `context`; inputs: {names}."
    raise _refused("run_ogcapi_externally", "data", reason)


def _executed(egress: Egress, address: str, body: dict[str, Any]) -> Any:
    answer = egress.post(address, body)
    if answer.status == 204 or not answer.body:
        return None
    if answer.status != 201:
        return answer.json()
    location = answer.headers.get("location")
    return _awaited(egress, joined(answer.url, location)) if location else answer.json()


def _awaited(egress: Egress, job: str) -> Any:
    """The results of a job, once it has ended.

    Raises: EgressError.
    """
    until = time.monotonic() + MAX_WAIT_S
    while True:
        status = _object(_got(egress, job).json()).get("status")
        if status == "successful":
            return _got(egress, f"{job.rstrip('/')}/results").json()
        if status not in _STILL_RUNNING:
            raise UnreachableError(f"the process ended as '{str(status)[:40]}'")
        if time.monotonic() > until:
            raise UnreachableError(f"the process takes longer than {MAX_WAIT_S:g} s")
        time.sleep(POLL_S)


def _got(egress: Egress, url: str) -> Answer:
    return egress.fetch(url, headers={"Accept": "application/json"})


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    return value is None or isinstance(value, bool | int | float | str)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _refused(process_id: str, parameter: str, reason: str) -> OpenEOError:
    return OpenEOError("ProcessParameterInvalid", process=process_id, parameter=parameter, reason=reason)
