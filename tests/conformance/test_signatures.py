"""What every implemented process looks like from outside equals the official definition, texts left out."""

from __future__ import annotations

from typing import Any

import pytest
from conformance import official

from openeo_plugin.processes.registry import predefined

TEXTS = ("description", "title", "$comment")


def without_texts(value: Any, *, names: bool = False) -> Any:
    """JSON without descriptions; the keys of `properties` are names, not texts."""
    if isinstance(value, dict):
        kept = {k: without_texts(v, names=k == "properties") for k, v in value.items() if names or k not in TEXTS}
        if isinstance(kept.get("type"), list):
            kept["type"] = sorted(kept["type"])
        return kept
    return [without_texts(v) for v in value] if isinstance(value, list) else value


def signature(definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "parameters": [
            {
                "name": p["name"],
                "schema": without_texts(p["schema"]),
                "optional": p.get("optional", False),
                "default": p.get("default") if p.get("optional") else None,
            }
            for p in definition["parameters"]
        ],
        "returns": without_texts(definition["returns"]["schema"]),
        "categories": definition["categories"],
        "exceptions": sorted(definition.get("exceptions", {})),
        "experimental": definition.get("experimental", False),
    }


@pytest.mark.parametrize("process_id", sorted(predefined()))
@pytest.mark.requirement(206)
def test_the_signature_of_a_process_is_the_official_one(process_id: str) -> None:
    official.require()
    assert process_id in official.definitions(), "no such process in the standard"
    assert signature(predefined()[process_id].to_json()) == signature(official.definitions()[process_id])


@pytest.mark.parametrize("process_id", sorted(predefined()))
def test_the_level_of_a_process_is_the_official_one(process_id: str) -> None:
    official.require()
    assert predefined()[process_id].level == official.levels()[process_id]


@pytest.mark.parametrize("process_id", sorted(predefined()))
def test_a_process_is_described_in_words_of_our_own(process_id: str) -> None:
    official.require()
    ours, theirs = predefined()[process_id].to_json(), official.definitions()[process_id]
    assert ours["summary"]
    assert ours["returns"]["description"]
    for parameter in ours["parameters"]:
        assert parameter["description"], f"{parameter['name']} is not described"
    assert ours["description"] != theirs["description"]
