"""A process is one definition: the function's typed signature and docstring are its openEO description.

    @process(categories=["math"], level="L1")
    def absolute(x: Number | None) -> Number | None: ...

`x: Number | None` becomes the JSON Schema, the docstring gives summary, description, parameters, returns and
exceptions. A parameter annotated with `Environment` is given by the back-end and not part of the description.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin

from openeo_plugin.errors import ERRORS
from openeo_plugin.graph.definition import JsonSchema, Parameter, ProcessDefinition
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.examples import EXAMPLES

Function = TypeVar("Function", bound=Callable[..., Any])


class Schema:
    """Marks an annotation with its JSON Schema: `Annotated[float, Schema({"type": "number"})]`.

    Args:
        accepts: what arguments are held against instead, where the process has an answer for more than the official
            schema allows (`ln(-1)` is NaN).
    """

    def __init__(self, schema: JsonSchema, *, accepts: JsonSchema | None = None) -> None:
        self.schema = schema
        self.accepts = accepts


_PLAIN: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Any: {},
    type(None): {"type": "null"},
}


def schema_of(annotation: Any) -> JsonSchema:
    """The JSON Schema of an annotation.

    A union of plain types becomes `{"type": [...]}`; once an alternative says more, a list of schemas.
    """
    if get_origin(annotation) is Annotated:
        return next(m.schema for m in get_args(annotation)[1:] if isinstance(m, Schema))
    if get_origin(annotation) in (types.UnionType, typing.Union):
        alternatives: list[dict[str, Any]] = []
        for member in get_args(annotation):
            found = schema_of(member)
            alternatives += found if isinstance(found, list) else [found]
        if all(set(a) == {"type"} for a in alternatives):
            return {
                "type": [t for a in alternatives for t in ([a["type"]] if isinstance(a["type"], str) else a["type"])]
            }
        last = alternatives[-1]
        if len(alternatives) == 2 and last == {"type": "null"} and "subtype" not in alternatives[0]:
            first = alternatives[0]
            if isinstance(first.get("type"), str) and first["type"] not in ("array", "object"):
                return {**first, "type": [first["type"], "null"]}
        return alternatives
    return _PLAIN[annotation]


def _accepts(annotation: Any) -> JsonSchema | None:
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((m.accepts for m in marks if isinstance(m, Schema)), None)


@dataclass(frozen=True)
class _Documentation:
    summary: str
    description: str
    parameters: dict[str, str]
    returns: str
    raises: tuple[str, ...]


_SECTION = re.compile(r"^(Args|Returns|Raises|Source|Example|Examples):\s*(.*)$")


def _documentation(function: Callable[..., Any]) -> _Documentation:
    text = inspect.getdoc(function) or ""
    head, _, rest = text.partition("\n")
    sections: dict[str, list[str]] = {"": []}
    current = ""
    for line in rest.splitlines():
        match = _SECTION.match(line)
        if match:
            current = match[1]
            sections[current] = [match[2]] if match[2] else []
        else:
            sections[current].append(line)
    parameters: dict[str, str] = {}
    name = ""
    for line in sections.get("Args", []):
        started = re.match(r"^ {4}(\w+):\s*(.*)$", line)
        if started:
            name = started[1]
            parameters[name] = started[2]
        elif name and line.strip():
            parameters[name] += " " + line.strip()
    raises = tuple(re.findall(r"\b[A-Z][A-Za-z]+\b", " ".join(sections.get("Raises", []))))
    returns = " ".join(line.strip() for line in sections.get("Returns", []) if line.strip())
    description = "\n".join(sections[""]).strip()
    return _Documentation(head.strip().rstrip("."), description or head.strip(), parameters, returns, raises)


def define(function: Callable[..., Any], *, level: str, categories: list[str], **extra: Any) -> ProcessDefinition:
    """The definition that a function's signature and docstring give."""
    documentation = _documentation(function)
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = []
    needs_environment = False
    for name, parameter in inspect.signature(function).parameters.items():
        if hints[name] is Environment:
            needs_environment = True
            continue
        public = name.rstrip("_")
        required = parameter.default is inspect.Parameter.empty
        parameters.append(
            Parameter(
                name=public,
                description=documentation.parameters.get(name, ""),
                schema=schema_of(hints[name]),
                optional=not required,
                default=None if required else parameter.default,
                accepts=_accepts(hints[name]),
            )
        )
    names = extra.pop("id", None) or function.__name__.rstrip("_")
    return ProcessDefinition(
        id=names,
        summary=documentation.summary,
        description=documentation.description,
        parameters=tuple(parameters),
        returns={"description": documentation.returns or documentation.summary, "schema": schema_of(hints["return"])},
        categories=tuple(categories),
        exceptions={
            code: {"message": re.sub(r"\{suggestion\}", "", ERRORS[code].message), "http": ERRORS[code].status}
            for code in documentation.raises
            if code in ERRORS
        },
        level=level,
        function=function,
        needs_environment=needs_environment,
        **{"examples": EXAMPLES.get(names, ()), **extra},
    )


def process(*, level: str, categories: list[str], **extra: Any) -> Callable[[Function], Function]:
    """Make a function an openEO process.

    Args:
        level: of the process profile (`L1` .. `L4`, `L2-Date`, ...).
        categories: openEO categories, such as `math > statistics`.
        extra: `id` where Python keeps the word, `experimental`, `links`, `examples`.
    """

    def mark(function: Function) -> Function:
        function.definition = define(function, level=level, categories=categories, **extra)  # type: ignore[attr-defined]
        return function

    return mark
