"""Extension processing-parameters: what may stand beside `process` when something is to be processed."""

from __future__ import annotations

from flask import Response

from openeo_plugin.api.http import json_response
from openeo_plugin.api.routing import Access, Route
from openeo_plugin.jobs.courier import SECRET_MIN_CHARACTERS

EXTENSION = "https://api.openeo.org/extensions/processing-parameters/0.1.0"

JOB_PARAMETERS: list[dict[str, object]] = [
    {
        "name": "webhook",
        "description": "Address that is told by POST whenever the state of the job changes. "
        "With a secret, messages are signed (HMAC-SHA256).",
        "optional": True,
        "default": None,
        "schema": [
            {"type": "string", "format": "uri"},
            {
                "type": "object",
                "required": ["url"],
                "properties": {
                    "url": {"type": "string", "format": "uri"},
                    "secret": {"type": "string", "minLength": SECRET_MIN_CHARACTERS},
                },
            },
            {"type": "null"},
        ],
    }
]


def list_processing_parameters(user: str | None) -> Response:
    """`GET /processing_parameters`: parameters that have an effect; others are kept and given back."""
    return json_response(
        {
            "create_job_parameters": JOB_PARAMETERS,
            "create_service_parameters": [],
            "create_synchronous_parameters": [],
        }
    )


ROUTES = (Route("GET", "/processing_parameters", list_processing_parameters, Access.PUBLIC),)
