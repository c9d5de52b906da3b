"""Whatever a graph holds, its evaluation gives a value or an official error of the client, and never falls over."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from conformance.runner import EmptyEnvironment, Lookup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openeo_plugin.api.synchronous import json_value
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import ERRORS, OpenEOError
from openeo_plugin.graph.parse import parse
from openeo_plugin.graph.validate import callback_parameters
from openeo_plugin.processes import evaluate as evaluation
from openeo_plugin.processes.environment import SavedResult
from openeo_plugin.processes.evaluate import evaluate
from openeo_plugin.processes.examples import EXAMPLES
from openeo_plugin.processes.registry import predefined

CUBES = "create_data_cube add_dimension dimension_labels drop_dimension rename_dimension rename_labels load_geojson"
VALUES = sorted({*EXAMPLES, "nan", "array_labels", "array_find_label", *CUBES.split()})
"""Processes that need no collection and nothing from outside."""

WORDS = [
    "",
    "B04",
    "2020-02-30",
    "2020-02-29",
    "2020-12-31T23:59:60Z",
    "24:00:00",
    "month",
    "\U0001f30d",
    "nan",
    "1e400",
]
NUMBERS = [0, 1, 2, -1, 0.5, -0.0, 3, 10**6, 2**63, -(2**64), 10**400, 1e308, -1e-308]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(WORDS),
    st.text(max_size=5),
)
numbers = st.one_of(st.none(), st.integers(-9, 9), st.floats(-1e3, 1e3), st.sampled_from(NUMBERS))
arrays = st.one_of(st.lists(numbers, max_size=5), st.lists(scalars, max_size=5), st.lists(st.booleans(), max_size=3))
anything = st.recursive(
    st.one_of(scalars, arrays),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@st.composite
def arguments(draw: st.DrawFn, process_id: str, earlier: list[str], depth: int) -> dict[str, Any]:
    """Arguments of a process: those of an example with some of them replaced, or made up; now and then one lacks."""
    examples = EXAMPLES.get(process_id, ())
    found = dict(draw(st.sampled_from(examples))["arguments"]) if examples and draw(st.booleans()) else {}
    for parameter in predefined()[process_id].parameters:
        chance = draw(st.integers(0, 19))
        if chance == 0:
            found.pop(parameter.name, None)
        elif parameter.name not in found or chance < 8:
            names = tuple(sorted(callback_parameters(parameter)))
            if names and depth < 2 and chance != 1:
                found[parameter.name] = {"process_graph": draw(graphs(depth=depth + 1, names=names))}
            else:
                found[parameter.name] = draw(
                    anything if chance == 2 else _fitting(parameter.accepted_schemas(), earlier)
                )
    return found


def _fitting(schemas: list[dict[str, Any]], earlier: list[str]) -> st.SearchStrategy[Any]:
    """Values of the types that a parameter takes, and what earlier nodes give."""
    kinds = {k for s in schemas for k in ([s.get("type")] if not isinstance(s.get("type"), list) else s["type"])}
    made: dict[str, st.SearchStrategy[Any]] = {
        "number": numbers,
        "integer": st.integers(-1, 9),
        "array": arrays,
        "boolean": st.booleans(),
        "string": st.sampled_from(WORDS),
        "null": st.none(),
    }
    fitting = [st.sampled_from(s["enum"]) for s in schemas if s.get("enum")] or [made[k] for k in made if k in kinds]
    references = [st.sampled_from(earlier).map(lambda name: {"from_node": name})] if earlier else []
    return st.one_of(*(fitting or [anything]), *references)


@st.composite
def graphs(draw: st.DrawFn, depth: int = 0, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """A process graph of one to three nodes; in callbacks, arguments may be the parameters that are there."""
    graph: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 3 if depth == 0 else 2))):
        process_id = draw(st.sampled_from(VALUES))
        given_ = draw(arguments(process_id, list(graph), depth))
        for name in given_:
            if names and draw(st.booleans()):
                given_[name] = {"from_parameter": draw(st.sampled_from(names))}
        graph[f"n{number}"] = {"process_id": process_id, "arguments": given_}
    graph[list(graph)[-1]]["result"] = True
    return graph


def outcome(graph: dict[str, Any]) -> OpenEOError | None:
    """The error of a graph; None if it has a value, which must be fit for JSON."""
    try:
        value = evaluate(parse(graph), Lookup(), EmptyEnvironment(), {})
    except OpenEOError as error:
        return error
    if not isinstance(value, Operator | LazyVectorCube | SavedResult):
        json.dumps(json_value(value), allow_nan=False)
    return None


@pytest.fixture
def unforeseen(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What `evaluate` logs when a process fails by an error that is none of ours."""
    caplog.set_level(logging.WARNING, evaluation.__name__)
    return caplog


@settings(
    deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(graph=graphs())
def test_a_random_graph_gives_a_value_or_an_official_error(
    graph: dict[str, Any], unforeseen: pytest.LogCaptureFixture
) -> None:
    unforeseen.clear()
    error = outcome(graph)
    if error is not None:
        assert error.code in ERRORS
        assert 400 <= error.status < 500
        assert error.node is None or error.node.split("/")[0] in graph
    assert [r.getMessage() for r in unforeseen.records if r.name == evaluation.__name__] == []  # not what inspect says


def one(process_id: str, **arguments: Any) -> dict[str, Any]:
    return {"it": {"process_id": process_id, "arguments": arguments, "result": True}}


def grown(process_id: str, times: int, arguments: dict[str, Any], **first: Any) -> dict[str, Any]:
    """Nodes that each take the one before; it stands as `$` in the arguments."""
    graph: dict[str, Any] = {"n0": {"process_id": process_id, "arguments": first}}
    for number in range(1, times):
        text = json.dumps(arguments).replace('"$"', json.dumps({"from_node": f"n{number - 1}"}))
        graph[f"n{number}"] = {"process_id": process_id, "arguments": json.loads(text)}
    graph[f"n{times - 1}"]["result"] = True
    return graph


@pytest.mark.parametrize(
    "graph",
    [
        one("array_create", data=[0], repeat=10**12),
        one("array_apply", data=[1], process={"process_graph": one("array_create", data=[0], repeat=10**12)}),
        one("quantiles", data=[1, 2], probabilities=10**12),
        one("quantiles", data=[1, 2], q=10**12),
        grown("array_concat", 50, {"array1": "$", "array2": "$"}, array1=[1] * 9999, array2=[1] * 9999),
        grown("array_create", 50, {"data": ["$"] * 100}, data=[1] * 100),
        grown("constant", 50, {"x": ["$"] * 100}, x=[1] * 100),
        grown("text_concat", 50, {"data": ["$"] * 100}, data=["a" * 100]),
    ],
    ids=["repeat", "callback", "probabilities", "q", "concat", "nested", "constant", "text"],
)
def test_a_value_that_would_fill_the_memory_is_refused(graph: dict[str, Any]) -> None:
    error = outcome(graph)
    assert error is not None
    assert error.code == "ProcessGraphComplexity"


@pytest.mark.parametrize("data", [None, 5, "ab", {"a": 1}])
def test_only_arrays_get_labels(data: Any) -> None:
    error = outcome(one("array_create_labeled", data=data, labels=["a", "b"]))
    assert error is not None
    assert error.code == "ProcessParameterInvalid"


@pytest.mark.parametrize("process_id", ["absolute", "sqrt", "gt", "sum", "cumsum", "mean"])
def test_a_whole_number_beyond_double_precision_is_refused_or_computed_with(process_id: str) -> None:
    parameters = predefined()[process_id].parameters
    values = {p.name: [10**400] if p.name == "data" else 10**400 for p in parameters if not p.optional}
    error = outcome(one(process_id, **values))
    assert error is None or (error.code == "ProcessGraphInvalid" and "larger than" in error.message)


def test_an_integer_may_be_written_with_a_decimal_point() -> None:
    graph = one("date_shift", date="2020-01-31", value=1.0, unit="month")
    assert evaluate(parse(graph), Lookup(), EmptyEnvironment(), {}) == "2020-02-29"
    found = evaluate(parse(one("array_create", data=[7], repeat=2.0)), Lookup(), EmptyEnvironment(), {})
    assert found == [7, 7]
    assert type(evaluate(parse(one("constant", x=2.0)), Lookup(), EmptyEnvironment(), {})) is float
