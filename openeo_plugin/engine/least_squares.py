"""Fit the parameters of any function to the values of every pixel by least squares.

A function that is linear in its parameters is solved exactly; any other by the method of Levenberg and Marquardt with
numerical derivatives. No pixel depends on another, so the result does not depend on windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.least_squares import damped_step, solve_linear, squared_sums

Model = Callable[[Array], Array]
"""Parameters (P, N) in, values (T, N) out; float64."""

CHUNK_VALUES = 1 << 20
MAX_STEPS = 200
TOLERANCE = 1e-10
_LINEAR_TOLERANCE = 1e-9
_STUCK = 1e12
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


def _marquardt(model: Model, values: Array, valid: Array, start: Sequence[float]) -> tuple[Array, Array]:
    """Parameters (P, N) of least squares, and where the method came to an end."""
    pixels = values.shape[1]
    parameters = np.repeat(np.array(start, np.float64)[:, np.newaxis], pixels, axis=1)
    found = np.zeros(pixels, bool)
    active = np.arange(pixels)
    damping = np.full(pixels, 1e-3)
    with np.errstate(all="ignore"):
        made = model(parameters)
        cost = _costs(values - made, valid)
        active = active[np.isfinite(cost)]
        for _ in range(MAX_STEPS):
            if not len(active):
                break
            ended = _step(model, values, valid, parameters, cost, damping, active)
            found[active[ended]] = True
            active = active[~ended]
    return parameters, found


def _step(
    model: Model, values: Array, valid: Array, parameters: Array, cost: Array, damping: Array, active: Array
) -> Array:
    """One step for the active pixels, done in place; bool: which of them have come to an end."""
    y, ok, p = (np.ascontiguousarray(a[:, active]) for a in (values, valid, parameters))
    made = model(p)
    step = np.empty_like(p)
    damped_step(_derivatives(model, p, made), y - made, ok, damping[active], step)
    moved = p + step
    reached = _costs(y - model(moved), ok)
    better = reached <= cost[active]
    parameters[:, active[better]] = moved[:, better]
    small = (np.abs(step) <= TOLERANCE * (np.abs(p) + TOLERANCE)).all(axis=0)
    cost[active[better]] = reached[better]
    damping[active] *= np.where(better, 0.1, 10.0)
    np.maximum(damping, 1e-15, out=damping)
    return (better & small) | (damping[active] > _STUCK)


def _derivatives(model: Model, parameters: Array, made: Array) -> Array:
    """(P, T, N) by forward differences."""
    found = np.empty((len(parameters), *made.shape))
    for i in range(len(parameters)):
        width = _DIFFERENCE * np.where(parameters[i] == 0, 1.0, np.abs(parameters[i]))
        moved = parameters.copy()
        moved[i] += width
        found[i] = (model(moved) - made) / (moved[i] - parameters[i])
    return found
