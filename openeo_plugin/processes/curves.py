"""Curves: fit a function to the values along a dimension, and predict values with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import (
    BandsDimension,
    Label,
    LabelledDimension,
    OtherDimension,
    SpatialDimension,
    TemporalDimension,
)
from openeo_plugin.cube.instants import parse_instant
from openeo_plugin.cube.pixels import Array, Lanes, Mask, Pixels
from openeo_plugin.engine.least_squares import fit
from openeo_plugin.engine.operators.along import apply_along
from openeo_plugin.engine.operators.select import Describe
from openeo_plugin.engine.probe import as_pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.definition import Parameter
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.lanes import labels_of, lanes_of
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import RasterCube, callback

NUMBERS: dict[str, Any] = {"type": "array", "minItems": 1, "items": {"type": "number"}}
_PARAMETERS = Parameter("parameters", "The parameters of the function.", NUMBERS)

LabelledNumbers = Annotated[
    list[Any], Schema({"type": "array", "subtype": "labeled-array", "items": {"type": "number"}})
]
StartValues = Annotated[list[float], Schema(NUMBERS)]
FittedNumbers = Annotated[Any, Schema(NUMBERS)]


def _function(x: Parameter) -> Schema:
    return callback(x, _PARAMETERS, returns={"type": "number"}, context=False)


FittedFunction = Annotated[
    Callable[..., Any], _function(Parameter("x", "The independent variable.", {"type": ["number", "null"]}))
]
"""Called with x=, parameters=."""

KnownFunction = Annotated[
    Callable[..., Any], _function(Parameter("x", "The independent variable.", {"type": "number"}))
]
"""Called with x=, parameters=."""

PredictedLabels = Annotated[
    list[Any] | None,
    Schema(
        [
            {"type": "null"},
            {
                "type": "array",
                "uniqueItems": True,
                "items": {
                    "anyOf": [
                        {"type": "number"},
                        {"type": "string", "format": "date", "subtype": "date"},
                        {"type": "string", "format": "date-time", "subtype": "date-time"},
                    ]
                },
            },
        ]
    ),
]


def variable(label: Label) -> float:
    """The independent variable for a label: a number itself, an instant in seconds since 1970 (UTC).

    Raises: ValueError.
    """
    if not isinstance(label, str):
        return float(label)
    return float(parse_instant(label).astype("datetime64[us]").astype(np.int64)) / 1e6


def _variables(labels: Sequence[Label], process_id: str, parameter: str) -> Array:
    try:
        return np.array([variable(label) for label in labels], np.float64)
    except ValueError:
        reason = "labels must be numbers or instants."
        raise OpenEOError("ProcessParameterInvalid", process=process_id, parameter=parameter, reason=reason) from None


@process(level="L3-ML", categories=["arrays", "math"], experimental=True)
def fit_curve(
    data: LabelledNumbers, parameters: StartValues, function: FittedFunction, ignore_nodata: bool = True
) -> FittedNumbers:
    """Fit the parameters of a function to an array by least squares.

    The labels are the independent variable x: numbers, or instants, which count as seconds since 1970. The values are
    what the function should give. A function that is linear in its parameters is solved exactly, any other by the
    method of Levenberg and Marquardt from the first guess. With fewer values than parameters, or where no optimum is
    found, all parameters are null; a NaN among the values makes them NaN.

    Args:
        data: values with labels.
        parameters: first guess, one number for each parameter.
        function: gives the value for x and the parameters.
        ignore_nodata: whether nulls are left out; if not, one of them makes the parameters null.
    Returns: the parameters, in double precision.
    Source: openeo-processes 2.0.0-rc.2, fit_curve.
    """
    labels = labels_of(data)
    if labels is None:
        raise OpenEOError("ArrayNotLabeled")
    x = _variables(labels, "fit_curve", "data")
    lanes = lanes_of(data)
    if lanes is not None:
        pixels = lanes.stack().plain()
        made, null = _fitted(pixels.real(np.float64), pixels.null(), x, parameters, function, ignore_nodata)
        mask = Mask(np.broadcast_to(null, made.shape))
        return Lanes(None, stacked=Pixels(made, mask=mask, nan_marks=True))
    values = np.array([np.nan if v is None else v for v in data], np.float64)
    absent = np.array([v is None for v in data], bool)
    made, null = _fitted(values, absent, x, parameters, function, ignore_nodata)
    return [None] * len(parameters) if null else [float(v) for v in made]


def _fitted(
    values: Array, null: Array | None, x: Array, start: Sequence[float], function: Callable[..., Any], ignore: bool
) -> tuple[Array, Array]:
    """Parameters (P, *rest), NaN where there are none, and where these are null (*rest)."""
    flat = values.reshape(len(values), -1) if values.size else values.reshape(len(values), 0)
    absent = np.zeros(flat.shape, bool) if null is None else np.broadcast_to(null, values.shape).reshape(flat.shape)
    odd = (~np.isfinite(flat) & ~absent).any(axis=0)

    def model(parameters: Array) -> Array:
        return modelled(function, x, [Pixels(p[np.newaxis]) for p in parameters], parameters.shape[1])

    made, found = fit(model, flat, ~absent & np.isfinite(flat), start)
    if not ignore:
        found &= ~absent.any(axis=0)
    made[:, ~found | odd] = np.nan
    rest = values.shape[1:]
    return made.reshape(len(start), *rest), (~found & ~odd).reshape(rest)


def modelled(function: Callable[..., Any], x: Array, parameters: Sequence[Pixels], pixels: int) -> Array:
    """What the function gives: float64 (T, N) for parameters of shape (1, N); null is NaN."""
    variables = Pixels(x[:, np.newaxis])
    value = function(x=variables, parameters=Lanes(None, elements=parameters))
    return as_pixels(value, (len(x), pixels)).real(np.float64)


def _double(pixels: Pixels) -> Pixels:
    null = pixels.null()
    return Pixels(pixels.real(np.float64), mask=None if null is None else Mask(null), nan_marks=True)


class _Prediction:
    """The values of a function for given labels, as a callback of the engine."""

    def __init__(self, function: Callable[..., Any], x: Array) -> None:
        self._function = function
        self._x = x

    def __call__(self, data: Lanes, context: Any = None) -> Lanes:
        elements = [_double(pixels) for pixels in data.elements()]
        values = [self._function(x=float(x), parameters=Lanes(None, elements=elements)) for x in self._x]
        return Lanes(None, elements=[as_pixels(value, elements[0].shape) for value in values])


@process(level="L3-ML", categories=["cubes", "math"], experimental=True)
def predict_curve(
    parameters: RasterCube,
    function: KnownFunction,
    dimension: str,
    labels: PredictedLabels = None,
    *,
    environment: Environment,
) -> RasterCube:
    """Compute values of a function whose parameters are in a cube.

    The parameters lie along the dimension itself, if the cube has it, else along the only dimension (bands included)
    with the labels 0, 1, 2 and so on: what apply_dimension with fit_curve leaves. That dimension goes away.

    Args:
        parameters: a cube of parameters.
        function: gives the value for x and the parameters.
        dimension: name of the dimension that the values get; temporal if the labels are instants.
        labels: values of x: numbers, or instants, which count as seconds since 1970. They must be given, since a cube
            of parameters has no labels for x.
    Returns: the dimension with these labels in place of the parameters, in double precision.
    Source: openeo-processes 2.0.0-rc.2, predict_curve.
    """
    if not labels:
        reason = "give the labels for which values are wanted; a cube of parameters has none of its own."
        raise OpenEOError("ProcessParameterInvalid", process="predict_curve", parameter="labels", reason=reason)
    source = _parameters_dimension(parameters.description, dimension)
    callback = _Prediction(function, _variables(labels, "predict_curve", "labels"))
    target = None if source.name == dimension and not isinstance(source, BandsDimension) else dimension
    renamed = target == source.name
    cube = apply_along(environment.node, parameters, source.name, "\0" if renamed else target, callback, None)
    described = cube.description
    made = described.dimension("\0" if renamed else dimension)
    instants = all(isinstance(label, str) for label in labels)
    new = TemporalDimension(dimension, tuple(labels)) if instants else OtherDimension(dimension, tuple(labels))
    return Describe(environment.node, (cube,), described.with_dimension(made.name, new))


def _parameters_dimension(description: CubeDescription, name: str) -> LabelledDimension:
    """The dimension that the parameters lie along.

    Raises: ProcessParameterInvalid if it can't be told; ProcessGraphInvalid for x and y.
    """
    found = next((d for d in description.dimensions if d.name == name), None)
    if isinstance(found, SpatialDimension):
        raise OpenEOError("ProcessGraphInvalid", reason="parameters can't lie along x or y.")
    if found is not None:
        return found
    labelled = [d for d in description.dimensions if not isinstance(d, SpatialDimension)]
    numbered = [d for d in labelled if tuple(d.labels) == tuple(range(len(d.labels)))]
    if len(numbered) != 1:
        names = ", ".join(d.name for d in numbered) or "none"
        reason = f"exactly one dimension must have the labels 0, 1, 2 and so on for the parameters; found: {names}."
        raise OpenEOError("ProcessParameterInvalid", process="predict_curve", parameter="parameters", reason=reason)
    return numbered[0]
