"""The pages of docs/processes/, one for each predefined process: what it takes and gives, and an example that runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Table = Callable[[list[str], list[tuple[object, ...]]], str]

NOTE = "<!-- Written by `make docs`; changes belong into {source}. -->\n\n"


def page(definition: Any, source: str, table: Table) -> str:
    """The page of one process.

    Args:
        definition: a ProcessDefinition.
        source: path of the file that defines it, from the root of the repository.
        table: makes a Markdown table of a head and rows.
    """
    parts = [f"# {definition.id}\n\n", NOTE.format(source=source), f"{definition.summary}.\n\n", _facts(definition)]
    if definition.description.rstrip(".") != definition.summary:
        parts.append(f"\n{definition.description}\n")
    if definition.parameters:
        rows = [(f"`{p.name}`", kinds(p.schema), _default(p), p.description) for p in definition.parameters]
        parts.append("\n## Parameters\n\n" + table(["parameter", "takes", "default", "meaning"], rows))
    returns = definition.returns
    parts.append("\n## Returns\n\n" + table(["type", "meaning"], [(kinds(returns["schema"]), returns["description"])]))
    if definition.exceptions:
        faults = [(f"`{code}`", fault["message"]) for code, fault in definition.exceptions.items()]
        parts.append("\n## Exceptions\n\n" + table(["code", "message"], faults))
    return "".join([*parts, _examples(definition.id), "\n[All processes](../processes.md)\n"])


def _facts(definition: Any) -> str:
    experimental = " It is experimental: the standard may still change it." if definition.experimental else ""
    return f"Categories: {', '.join(definition.categories)}. Profile: {definition.level}.{experimental}\n"


def kinds(schema: Any) -> str:
    """What a JSON Schema takes, in a few words."""
    found: list[str] = []
    for alternative in schema if isinstance(schema, list) else [schema]:
        kind = alternative.get("subtype") or alternative.get("type") or "any value"
        if kind == "string" and "enum" in alternative:
            kind = [f"`{word}`" for word in alternative["enum"]]
        found += [kind] if isinstance(kind, str) else kind
    return ", ".join(dict.fromkeys(found))


def _default(parameter: Any) -> str:
    return f"`{json.dumps(parameter.default)}`" if parameter.optional else "required"


def _examples(process_id: str) -> str:
    from openeo_plugin.processes.example_graphs import RETURNS, example_graph, example_ids
    from openeo_plugin.processes.examples import EXAMPLES

    parts = []
    for example in EXAMPLES.get(process_id, ()):
        parts.append(_json({"arguments": example["arguments"], "returns": example["returns"]}, width=110))
    if process_id in example_ids():
        parts.append(_json({"process_graph": example_graph(process_id)}, width=90))
        if process_id in RETURNS:
            parts.append(f"It gives `{json.dumps(RETURNS[process_id])}`.\n")
    return f"\n## {'Examples' if len(EXAMPLES.get(process_id, ())) > 1 else 'Example'}\n\n" + "\n".join(parts)


def _json(value: Any, width: int) -> str:
    return f"```json\n{_written(value, width, 0)}\n```\n"


def _written(value: Any, width: int, indent: int) -> str:
    """JSON whose arrays and objects stand in one line where they fit."""
    short = json.dumps(value)
    if len(short) + indent <= width or not isinstance(value, dict | list) or not value:
        return short
    inner, margin = indent + 2, " " * (indent + 2)
    if isinstance(value, dict):
        lines = [f"{margin}{json.dumps(key)}: {_written(v, width, inner)}" for key, v in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    lines = [margin + _written(v, width, inner) for v in value]
    return "[\n" + ",\n".join(lines) + "\n" + " " * indent + "]"
