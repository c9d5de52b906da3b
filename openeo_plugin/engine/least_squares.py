"""Fit the parameters of any function to the values of every pixel by least squares.

A function that is linear in its parameters is solved exactly; any other by the method of Levenberg and Marquardt with
numerical derivatives, within a region of trust. No pixel depends on another, so the result does not depend on windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.least_squares import solve_linear, squared_sums, trusted_step

Model = Callable[[Array], Array]
"""Parameters (P, N) in, values (T, N) out; float64."""

CHUNK_VALUES = 1 << 20
MAX_STEPS = 200
TOLERANCE = 1e-10
_NO_GAIN = 1e-14
_LEAST_RATIO = 1e-4
_FIRST_RADIUS = 100.0
_LINEAR_TOLERANCE = 1e-9
_DIFFERENCE = float(np.sqrt(np.finfo(np.float64).eps))


def fit(model: Model, values: Array, valid: Array, start: Sequence[float]) -> tuple[Array, Array]:
    """Parameters for every pixel, and where they were found.

    Args:
        model: the function.
        values: float64 (T, N).
        valid: bool (T, N): the values that count.
        start: first guess.
    Returns: float64 (P, N) and bool (N,). Not found means: fewer valid values than parameters, or no optimum.
    """
    size, pixels = len(start), values.shape[1]
    out, found = np.zeros((size, pixels)), np.zeros(pixels, bool)
    basis = linear_basis(model, size, len(values))
    step = max(1, CHUNK_VALUES // max(1, len(values)))
    for first in range(0, pixels, step):
        part = slice(first, first + step)
        y, ok = np.ascontiguousarray(values[:, part]), np.ascontiguousarray(valid[:, part])
        if basis is not None:
            out[:, part], found[part] = basis.solve(y, ok)
        else:
            out[:, part], found[part] = _marquardt(model, y, ok, start)
        found[part] &= ok.sum(axis=0) >= size
    return out, found


@dataclass(frozen=True)
class LinearModel:
    """f(p) = constant + (basis @ upper) @ p; basis: (T, P), orthonormal; upper: (P, P)."""

    constant: Array
    basis: Array
    upper: Array

    def solve(self, values: Array, valid: Array) -> tuple[Array, Array]:
        """Parameters (P, N), and where they are determined."""
        coefficients = np.zeros((self.basis.shape[1], values.shape[1]))
        good = np.zeros(values.shape[1], bool)
        solve_linear(self.basis, values - self.constant[:, np.newaxis], valid, coefficients, good)
        found = np.zeros_like(coefficients)
        for row in range(len(found) - 1, -1, -1):
            rest = coefficients[row].copy()
            for column in range(row + 1, len(found)):
                rest -= self.upper[row, column] * found[column]
            found[row] = rest / self.upper[row, row]
        return found, good


def linear_basis(model: Model, size: int, length: int) -> LinearModel | None:
    """The model if it is linear in its parameters and these can be told apart; None if not."""
    if length < size:
        return None
    rng = np.random.default_rng(0)
    points = np.concatenate([np.zeros((size, 1)), np.eye(size), rng.normal(size=(size, 4)) * [0.1, 1, 10, 100]], axis=1)
    with np.errstate(all="ignore"):
        made = model(points)
    constant, units, tried = made[:, 0], made[:, 1 : 1 + size] - made[:, :1], made[:, 1 + size :]
    if not np.isfinite(made).all():
        return None
    terms = units[:, :, np.newaxis] * points[:, 1 + size :]
    expected = constant[:, np.newaxis] + terms.sum(axis=1)
    scale = np.abs(constant)[:, np.newaxis] + np.abs(terms).sum(axis=1)
    if (np.abs(tried - expected) > _LINEAR_TOLERANCE * scale + 1e-300).any():
        return None
    norms = np.sqrt((units**2).sum(axis=0))
    if (norms == 0).any():
        return None
    basis, upper = np.linalg.qr(units / norms)
    if np.abs(np.diag(upper)).min() < 1e-11:
        return None
    return LinearModel(constant, np.ascontiguousarray(basis), upper * norms)


def _costs(residuals: Array, valid: Array) -> Array:
    out = np.empty(residuals.shape[1])
    squared_sums(residuals, valid, out)
    return out


@dataclass(frozen=True)
class _Search:
    """Where the search stands: all arrays are written to. parameters, scale: (P, N); cost, radius: (N,)."""

    model: Model
    values: Array
    valid: Array
    parameters: Array
    cost: Array
    scale: Array
    radius: Array


def _marquardt(model: Model, values: Array, valid: Array, start: Sequence[float]) -> tuple[Array, Array]:
    """Parameters (P, N) of least squares, and where the method came to an end."""
    pixels = values.shape[1]
    parameters = np.repeat(np.array(start, np.float64)[:, np.newaxis], pixels, axis=1)
    found = np.zeros(pixels, bool)
    with np.errstate(all="ignore"):
        cost = _costs(values - model(parameters), valid)
        search = _Search(model, values, valid, parameters, cost, np.zeros_like(parameters), np.full(pixels, np.nan))
        active = np.flatnonzero(np.isfinite(cost))
        for _ in range(MAX_STEPS):
            if not len(active):
                break
            ended = _step(search, active)
            found[active[ended]] = True
            active = active[~ended]
    return parameters, found


def _step(search: _Search, active: Array) -> Array:
    """One step for the active pixels, done in place; bool: which of them have come to an end."""
    model = search.model
    y, ok, p, scale = (
        np.ascontiguousarray(a[:, active]) for a in (search.values, search.valid, search.parameters, search.scale)
    )
    cost, radius = search.cost[active], search.radius[active]
    made = model(p)
    jacobian = _derivatives(model, p, made)
    squares = np.empty((len(p), len(active)))
    for i, column in enumerate(jacobian):
        squares[i] = _costs(column, ok)
    np.maximum(scale, np.sqrt(squares), out=scale)
    extent = _norm(scale * p)
    first = np.isnan(radius)
    radius = np.where(first, np.where(extent > 0, _FIRST_RADIUS * extent, _FIRST_RADIUS), radius)
    step, gain, length = np.empty_like(p), np.empty(len(active)), np.empty(len(active))
    trusted_step(jacobian, y - made, ok, radius, scale, step, gain, length)
    moved = p + step
    reached = _costs(y - model(moved), ok)
    fall = np.where(np.isfinite(reached), cost - reached, -np.inf)
    ratio = np.where(gain > 0, fall / gain, 0.0)
    better = (ratio >= _LEAST_RATIO) & (fall >= 0)
    radius = np.where(ratio <= 0.25, 0.5 * np.minimum(radius, length), np.where(ratio >= 0.75, 2 * length, radius))
    search.parameters[:, active[better]] = moved[:, better]
    search.cost[active[better]] = reached[better]
    search.scale[:, active] = scale
    search.radius[active] = radius
    still = (gain <= _NO_GAIN * cost) & (np.abs(fall) <= _NO_GAIN * cost)
    return still | (radius <= TOLERANCE * extent) | (search.cost[active] == 0)


def _norm(vectors: Array) -> Array:
    """Of every column, added up in order."""
    total = np.zeros(vectors.shape[1])
    for row in vectors:
        total += row * row
    return np.sqrt(total)


def _derivatives(model: Model, parameters: Array, made: Array) -> Array:
    """(P, T, N) by forward differences."""
    found = np.empty((len(parameters), *made.shape))
    for i in range(len(parameters)):
        width = _DIFFERENCE * np.where(parameters[i] == 0, 1.0, np.abs(parameters[i]))
        moved = parameters.copy()
        moved[i] += width
        found[i] = (model(moved) - made) / (moved[i] - parameters[i])
    return found
