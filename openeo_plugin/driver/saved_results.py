"""What a run of a plan makes: the results that the graph saves, or the one that it gives."""

from __future__ import annotations

from openeo_plugin.cube.dimensions import SpatialDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.plan import Plan, SavedCube, SavedValue, SavedVector

IMAGES, VALUES = "GTiff", "JSON"
Saved = SavedCube | SavedValue | SavedVector


def saved_results(plan: Plan) -> tuple[Saved, ...]:
    """What a plan saves; what it gives itself, if it saves nothing."""
    if plan.results:
        return plan.results
    if plan.operator is None:
        return (SavedValue("result", "JSON", {}, plan.value),)
    return (SavedCube(plan.operator.node, _default_format(plan.operator), {}, plan.operator),)


def _default_format(cube: Operator) -> str:
    """Images for a cube with x and y; without one of them, such as a time series, its values."""
    axes = {d.axis for d in cube.description.dimensions if isinstance(d, SpatialDimension)}
    return IMAGES if axes == {"x", "y"} else VALUES


def operator_of(saved: Saved) -> Operator | None:
    """What a run computes for a result; None for a value, and for a vector cube without values."""
    if isinstance(saved, SavedCube):
        return saved.operator
    return saved.cube.values if isinstance(saved, SavedVector) else None


def result_name(count: int, place: int) -> str:
    """How the files of one of so many results are called, where its options say nothing else."""
    return "result" if count == 1 else f"result-{place + 1}"


def computed_operators(plan: Plan) -> list[Operator]:
    """The cubes that a run computes, in the order of the results."""
    found = map(operator_of, saved_results(plan))
    return [operator for operator in found if operator is not None]
