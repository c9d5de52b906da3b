"""`POST /processes/{id}/execution`: strict JSON in, the result as it is out.

pygeoapi's own function would take any JSON, escape `<` within results and name a job for a synchronous run.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pygeoapi.util import JobStatus, RequestedProcessExecutionMode

from openeo_plugin.errors import OpenEOError

JSON = "application/json"

Answer = tuple[dict[str, str], int, Any]


def execute(api: Any, request: Any, process_id: str) -> Answer:
    """Run a process, with the signature of pygeoapi's functions.

    Returns: 201 with the job's status for `Prefer: respond-async`, else 200 with the result.
    Raises: OpenEOError.
    """
    if process_id not in api.manager.processes:
        raise OpenEOError("NotFound", message=f"There is no process '{process_id}'.")
    body = json_object(request.data)
    job_id, media_type, content, status, headers = api.manager.execute_process(
        process_id,
        body.get("inputs", {}),
        execution_mode=execution_mode(request.headers.get("Prefer", "")),
        requested_outputs=body.get("outputs"),
        subscriber=body.get("subscriber"),
        requested_response=body.get("response", "raw"),
    )
    if status == JobStatus.accepted:
        location = {"Location": f"{api.base_url}/jobs/{job_id}"}
        document = {"jobID": job_id, "processID": process_id, "type": "process", "status": status.value}
        return {"Content-Type": JSON, **location, **headers}, 201, json.dumps(document)
    if not hasattr(content, "read"):
        content = json.dumps(content, allow_nan=False, ensure_ascii=False)
    return {"Content-Type": media_type, **headers}, 200, content


def execution_mode(prefer: str) -> RequestedProcessExecutionMode | None:
    """What the header `Prefer` asks for (RFC 7240); what is not known is no matter."""
    words = {word.strip().lower() for word in re.split("[,;]", prefer)}
    if "respond-async" in words:
        return RequestedProcessExecutionMode.respond_async
    return RequestedProcessExecutionMode.wait if any(word.startswith("wait") for word in words) else None


def json_object(body: bytes) -> dict[str, Any]:
    """A body that is one JSON object which a database can keep.

    Raises: RequestInvalid.
    """
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_number)
        plain = json.dumps(document, ensure_ascii=False)
        plain.encode("utf-8")
    except RecursionError:
        raise OpenEOError("RequestInvalid", reason="the JSON is nested too deeply.") from None
    except ValueError as error:
        raise OpenEOError("RequestInvalid", reason="the body is not valid JSON.") from error
    if "\\u0000" in plain:
        raise OpenEOError("RequestInvalid", reason="texts must not hold NUL characters.")
    if not isinstance(document, dict):
        raise OpenEOError("RequestInvalid", reason="the body must be a JSON object.")
    return document


def _no_number(name: str) -> float:
    raise ValueError(name)
