"""Least squares for every pixel on its own: small normal equations, solved by Cholesky's method."""

from __future__ import annotations

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.nulls import kernel

SINGULAR = 1e-12


@kernel
def factorize(matrix: Array) -> bool:
    """Cholesky factor in place, lower triangle; False if the matrix is singular."""
    size = matrix.shape[0]
    for j in range(size):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= matrix[j, k] * matrix[j, k]
        if not pivot > SINGULAR * max(1.0, matrix[j, j]):
            return False
        matrix[j, j] = np.sqrt(pivot)
        for i in range(j + 1, size):
            value = matrix[i, j]
            for k in range(j):
                value -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = value / matrix[j, j]
    return True


@kernel
def substitute(factor: Array, vector: Array) -> None:
    """Solve with a Cholesky factor, in place."""
    size = factor.shape[0]
    for i in range(size):
        for k in range(i):
            vector[i] -= factor[i, k] * vector[k]
        vector[i] /= factor[i, i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            vector[i] -= factor[k, i] * vector[k]
        vector[i] /= factor[i, i]


@kernel
def solve_linear(basis: Array, values: Array, valid: Array, out: Array, good: Array) -> None:
    """Coefficients of an orthonormal basis (T, P) for the valid values (T, N), into `out` (P, N).

    `good` (N,) tells where the valid values determine them.
    """
    length, size = basis.shape
    matrix = np.empty((size, size))
    vector = np.empty(size)
    for n in range(values.shape[1]):
        matrix[:] = 0.0
        vector[:] = 0.0
        for t in range(length):
            if valid[t, n]:
                for i in range(size):
                    vector[i] += basis[t, i] * values[t, n]
                    for j in range(i + 1):
                        matrix[i, j] += basis[t, i] * basis[t, j]
        good[n] = factorize(matrix)
        if good[n]:
            substitute(matrix, vector)
            out[:, n] = vector


@kernel
def damped(matrix: Array, vector: Array, damping: float, factor: Array, out: Array) -> float:
    """Solve (matrix + damping) out = vector; the norm of the solution, infinite if there is none."""
    size = matrix.shape[0]
    for i in range(size):
        out[i] = vector[i]
        for j in range(i + 1):
            factor[i, j] = matrix[i, j]
        factor[i, i] += damping
    if not factorize(factor):
        return np.inf
    substitute(factor, out)
    norm = 0.0
    for i in range(size):
        norm += out[i] * out[i]
    return np.sqrt(norm)


@kernel
def trusted_step(
    jacobian: Array, residuals: Array, valid: Array, radius: Array, scale: Array, out: Array, gain: Array, length: Array
) -> None:
    """Levenberg-Marquardt step within a region of trust, for every pixel (Moré 1978).

    Args:
        jacobian: (P, T, N). residuals, valid: (T, N).
        radius: (N,), the most that a step may be, measured in `scale`.
        scale: (P, N), the largest norms of the columns of the jacobian so far.
        out: (P, N), the step. gain: (N,), by how much the squared sum falls if the function is as its derivatives say.
        length: (N,), of the step, measured in `scale`.
    """
    size, count, pixels = jacobian.shape
    matrix, factor = np.empty((size, size)), np.empty((size, size))
    vector, step = np.empty(size), np.empty(size)
    for n in range(pixels):
        matrix[:] = 0.0
        vector[:] = 0.0
        for t in range(count):
            if valid[t, n]:
                for i in range(size):
                    own = jacobian[i, t, n]
                    vector[i] += own * residuals[t, n]
                    for j in range(i + 1):
                        matrix[i, j] += own * jacobian[j, t, n]
        for i in range(size):
            own = scale[i, n] if scale[i, n] > 0.0 else 1.0
            vector[i] /= own
            for j in range(i + 1):
                other = scale[j, n] if scale[j, n] > 0.0 else 1.0
                matrix[i, j] /= own * other
        damping = 0.0
        reached = damped(matrix, vector, damping, factor, step)
        if reached > radius[n]:
            low, high = -40.0, 40.0
            for _ in range(60):
                middle = 0.5 * (low + high)
                damping = np.exp(middle)
                reached = damped(matrix, vector, damping, factor, step)
                if reached > radius[n]:
                    low = middle
                elif reached < 0.9 * radius[n]:
                    high = middle
                else:
                    break
        expected = 0.0
        for i in range(size):
            expected += step[i] * (vector[i] + damping * step[i])
            out[i, n] = step[i] / (scale[i, n] if scale[i, n] > 0.0 else 1.0)
        gain[n] = expected
        length[n] = reached


@kernel
def squared_sums(residuals: Array, valid: Array, out: Array) -> None:
    """Sum of the squares of the valid residuals (T, N), into `out` (N,)."""
    for n in range(residuals.shape[1]):
        total = 0.0
        for t in range(residuals.shape[0]):
            if valid[t, n]:
                total += residuals[t, n] * residuals[t, n]
        out[n] = total
