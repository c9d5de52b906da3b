"""Checks answers of the API against the official OpenAPI document, if it is there (OPENEO_SHARED)."""

from __future__ import annotations

import copy
import json
import os
import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

SHARED = Path(os.environ.get("OPENEO_SHARED", Path(__file__).parents[2] / "shared"))
DOCUMENT = SHARED / "spec" / "api" / "openapi-1.3.0.yaml"
# what this API offers beyond openEO
OWN_PATHS = (
    r"/processes/[^/]+(/[^/]+)?",
    r"/processing_parameters",
    r"/workspace_providers",
    r"/workspaces(/[^/]+(/files(/.+)?)?)?",
    r"/result/[^/]+/logs",
    r"/collections/[^/]+/items(/[^/]+)?",
    r"/jobs/[^/]+/results/(items|assets)/.+",
    r"/services/[^/]+/seed",
)


@lru_cache
def official() -> OpenApi:
    """The official document. Skips the test that asks for it where it is missing."""
    if not DOCUMENT.exists():
        pytest.skip(f"{DOCUMENT} is missing: set OPENEO_SHARED to the folder with spec/api/openapi-1.3.0.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return OpenApi(yaml.load(DOCUMENT.read_text(encoding="utf-8"), Loader=loader))


class OpenApi:
    """An OpenAPI 3.0 document that answers can be held against."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = _json_schema(document)
        self.templates = {re.compile(re.sub(r"{[^}]+}", "[^/]+", path)): path for path in document["paths"]}

    def check(self, method: str, path: str, status: int, headers: Any, body: bytes) -> None:
        """Raise AssertionError if this answer is not one that the document allows."""
        template = self.template(path)
        if template is None:
            assert status >= 400 or any(re.fullmatch(own, path) for own in OWN_PATHS), f"{path} is not documented"
            pointer = ["components", "responses", "client_error"]
        else:
            operation = self.document["paths"][template].get(method.lower())
            assert operation is not None or status == 405, f"{method} {template} is not documented"
            pointer = self._response(template, method.lower(), status) if operation else ["components", "responses"]
        if template is None and status < 400:
            return
        if status == 405:
            pointer = ["components", "responses", "client_error"]
        self._check_headers(self._at(pointer), headers)
        self._check_body(pointer, headers, body)

    def template(self, path: str) -> str | None:
        """The documented path that `path` is one of."""
        if path in self.document["paths"]:
            return path
        return next((known for pattern, known in self.templates.items() if pattern.fullmatch(path)), None)

    def _response(self, template: str, method: str, status: int) -> list[str]:
        documented = self.document["paths"][template][method]["responses"]
        key = str(status) if str(status) in documented else f"{status // 100}XX"
        assert key in documented, f"{method} {template} does not document status {status}"
        found = documented[key]
        return found["$ref"].split("/")[1:] if "$ref" in found else ["paths", template, method, "responses", key]

    def _at(self, pointer: list[str]) -> dict[str, Any]:
        found: Any = self.document
        for key in pointer:
            found = found[key]
        return found

    def _check_headers(self, response: dict[str, Any], headers: Any) -> None:
        for name, header in response.get("headers", {}).items():
            assert headers.get(name) is not None or not header.get("required"), f"the header {name} is missing"

    def _check_body(self, pointer: list[str], headers: Any, body: bytes) -> None:
        content = self._at(pointer).get("content")
        if not content and "Content-Type" in self._at(pointer).get("headers", {}):
            return  # any format
        if not content:
            assert body == b"", f"no body is documented, but there is {body[:80]!r}"
            return
        media_type = headers.get("Content-Type", "").split(";")[0]
        if media_type not in content:
            assert "*/*" in content or "application/octet-stream" in content, f"{media_type} is not documented"
            return
        if "schema" in content[media_type]:
            reference = "#/" + "/".join(_escaped(key) for key in [*pointer, "content", media_type, "schema"])
            schema = {**self.document, "allOf": [{"$ref": reference}]}
            jsonschema.Draft7Validator(schema, format_checker=_formats()).validate(json.loads(body))


@lru_cache
def _formats() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker([])
    checker.checks("date-time", ValueError)(_is_instant)
    checker.checks("uri", ValueError)(lambda text: not isinstance(text, str) or bool(urlsplit(text).scheme))
    return checker


def _is_instant(text: object) -> bool:
    return not isinstance(text, str) or ("T" in text and datetime.fromisoformat(text).tzinfo is not None)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1").replace("%", "%25").replace("{", "%7B").replace("}", "%7D")


def _json_schema(node: Any) -> Any:
    """OpenAPI 3.0 schemas as JSON Schema: `nullable` becomes a choice.

    `oneOf` becomes `anyOf`: the document's alternatives overlap (statistics are also JSON Schemas).
    """
    if isinstance(node, list):
        return [_json_schema(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    plain = {"anyOf" if key == "oneOf" else key: _json_schema(value) for key, value in node.items()}
    if node.get("nullable") is True:
        del plain["nullable"]
        return {"anyOf": [{"type": "null"}, copy.copy(plain)]}
    return plain
