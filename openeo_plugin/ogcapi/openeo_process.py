"""The process `OpenEO` of OGC API - Processes: its input is an openEO process, its output what that gives.

The name is the one under which the draft of Processes Part 3 lets clients post ad-hoc process graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pygeoapi.process.base import BaseProcessor

from openeo_plugin.errors import OpenEOError
from openeo_plugin.ogcapi.resources import PROCESS_ID

EXAMPLE_GRAPH = {
    "sum": {"process_id": "add", "arguments": {"x": 1, "y": 2}, "result": True},
}
_TEXT_MAX = 10_000


class OpenEOProcess(BaseProcessor):
    """Describes the process. It is run by `process_manager.QueueManager`, never by pygeoapi itself."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, process_description())


def process_description() -> dict[str, Any]:
    """The description, built anew: pygeoapi changes what it is given."""
    return {
        "version": "1.0.0",
        "id": PROCESS_ID,
        "title": "Run an openEO process",
        "description": (
            "Runs an openEO process graph on this back-end. With `Prefer: respond-async` it becomes a batch job, "
            "the same as one created through the openEO API; otherwise the answer is the result."
        ),
        "keywords": ["openEO", "process graph", "data cube"],
        "jobControlOptions": ["sync-execute", "async-execute"],
        "outputTransmission": ["value", "reference"],
        "links": [],
        "inputs": {
            "process": {
                "title": "Process",
                "description": "An openEO process; its `process_graph` is what is run.",
                "minOccurs": 1,
                "maxOccurs": 1,
                "schema": {
                    "type": "object",
                    "required": ["process_graph"],
                    "properties": {"process_graph": {"type": "object", "additionalProperties": {"type": "object"}}},
                },
            },
            "title": _text_input("Title", "A short name for the job."),
            "description": _text_input("Description", "What the job is for; CommonMark is allowed."),
        },
        "outputs": {
            "result": {
                "title": "Result",
                "description": "JSON, or the file that the process saves; for a job, links to its results.",
                "schema": {},
            }
        },
        "example": {"inputs": {"process": {"process_graph": EXAMPLE_GRAPH}}},
    }


def _text_input(title: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": _TEXT_MAX}
    return {"title": title, "description": description, "minOccurs": 0, "maxOccurs": 1, "schema": schema}


def process_of(inputs: object) -> dict[str, Any]:
    """The openEO process among the inputs, given as it is or as `{"value": ...}`.

    Raises: ProcessGraphMissing, RequestInvalid.
    """
    if not isinstance(inputs, Mapping):
        raise OpenEOError("RequestInvalid", reason="`inputs` must be an object.")
    unknown = sorted(set(inputs) - {"process", "title", "description"})
    if unknown:
        raise OpenEOError("RequestInvalid", reason=f"there is no input '{unknown[0]}'.")
    process = _value(inputs.get("process"))
    if process is not None and not isinstance(process, dict):
        raise OpenEOError("RequestInvalid", reason="the input `process` must be an object.")
    if not process or not isinstance(process.get("process_graph"), dict):
        raise OpenEOError("ProcessGraphMissing")
    return {name: value for name, value in process.items() if value is not None}


def texts_of(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Title and description among the inputs, as far as they are given.

    Raises: RequestInvalid.
    """
    texts = {name: _value(inputs[name]) for name in ("title", "description") if inputs.get(name) is not None}
    for name, value in texts.items():
        if not isinstance(value, str) or len(value) > _TEXT_MAX:
            raise OpenEOError("RequestInvalid", reason=f"`{name}` must be a text of at most {_TEXT_MAX} characters.")
    return texts


def _value(given: Any) -> Any:
    """What is meant by a value that may be qualified: `{"value": x}` is x."""
    return given["value"] if isinstance(given, dict) and "value" in given else given
