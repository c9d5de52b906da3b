"""Arithmetic over bands that a style shows: text -> checked syntax tree -> numpy. Nothing is ever evaluated as code.

A band is named as in the cube, or `b1`, `b2`, ... by its place. Null in any band of an expression gives null.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.pixels import Array

MAX_LETTERS = 500
MAX_NODES = 200

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Pow: np.power,
    ast.Mod: np.mod,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
}
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: np.negative,
    ast.UAdd: np.positive,
    ast.Not: np.logical_not,
}
# function -> (number of arguments, what computes it)
_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "sqrt": (1, np.sqrt),
    "exp": (1, np.exp),
    "log": (1, np.log),
    "log10": (1, np.log10),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
    "where": (3, np.where),
}


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    Args:
        bands: indices of the bands that it names, ascending.
    """

    text: str
    bands: tuple[int, ...]
    _tree: ast.AST
    _names: Mapping[str, int]

    def evaluate(self, values: Mapping[int, Array]) -> Array:
        """The result, floating-point, null as NaN.

        Args:
            values: floating-point, null as NaN, by index of the band; all of one shape.
        """
        first = values[self.bands[0]]
        with np.errstate(all="ignore"):
            result = np.array(np.broadcast_to(self._value(self._tree, values), first.shape), first.dtype)
        for index in self.bands:
            result[np.isnan(values[index])] = np.nan
        return result

    def _value(self, node: ast.AST, values: Mapping[int, Array]) -> Any:
        match node:
            case ast.Constant(int() | float() as value):
                return np.float32(value)
            case ast.Name(name):
                return values[self._names[name]]
            case ast.BinOp(left, operator, right) | ast.Compare(left, [operator], [right]):
                return _BINARY[type(operator)](self._value(left, values), self._value(right, values))
            case ast.UnaryOp(operator, operand):
                return _UNARY[type(operator)](self._value(operand, values))
            case ast.BoolOp(operator, parts):
                combine, found = _BINARY[type(operator)], self._value(parts[0], values)
                for part in parts[1:]:
                    found = combine(found, self._value(part, values))
                return found
            case ast.Call(ast.Name(name), arguments):
                return _FUNCTIONS[name][1](*(self._value(argument, values) for argument in arguments))
        raise AssertionError("the tree was checked")


def check_syntax(text: object) -> str | None:
    """What is wrong with an expression, whatever its bands; None if nothing is."""
    try:
        _parsed(text)
    except ValueError as error:
        return str(error)
    return None


def expression(text: str, bands: Sequence[Band]) -> Expression:
    """The expression for the bands of a cube.

    Raises: ValueError with a sentence for the user.
    """
    tree = _parsed(text)
    named = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - _called(tree))
    places = {name: _place(name, bands) for name in named}
    if not places:
        raise ValueError("an expression names at least one band")
    return Expression(text, tuple(sorted(set(places.values()))), tree, places)


def _place(name: str, bands: Sequence[Band]) -> int:
    found = next((i for i, band in enumerate(bands) if band.is_called(name)), None)
    if found is None and name[0] == "b" and name[1:].isdigit() and 1 <= int(name[1:]) <= len(bands):
        return int(name[1:]) - 1
    if found is None:
        known = ", ".join(band.name or f"b{i + 1}" for i, band in enumerate(bands))
        raise ValueError(f"there is no band '{name}'; available: {known}")
    return found


def _called(tree: ast.AST) -> set[str]:
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def _parsed(text: object) -> ast.AST:
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_LETTERS:
        raise ValueError(f"a text of 1 to {MAX_LETTERS} characters is expected")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("this is no expression such as (B08 - B04) / (B08 + B04)") from None
    nodes = 0
    for node in ast.walk(tree):
        nodes += 1
        _check(node)
    if nodes > MAX_NODES:
        raise ValueError("the expression is too long")
    return tree


def _check(node: ast.AST) -> None:
    """Raises: ValueError for anything but arithmetic."""
    match node:
        case ast.Constant(value) if isinstance(value, int | float) and not isinstance(value, bool):
            if not abs(value) < 1e30:
                raise ValueError("numbers must be below 1e30")
        case ast.Call(ast.Name(name), arguments, []) if name in _FUNCTIONS:
            if len(arguments) != _FUNCTIONS[name][0]:
                raise ValueError(f"{name} takes {_FUNCTIONS[name][0]} arguments")
        case ast.Compare(ops=[_]) | ast.BinOp() | ast.UnaryOp() | ast.BoolOp() | ast.Name() | ast.Load():
            pass
        case ast.operator() | ast.cmpop() | ast.unaryop() | ast.boolop() if type(node) in {**_BINARY, **_UNARY}:
            pass
        case _:
            offered = ", ".join(_FUNCTIONS)
            raise ValueError(f"only bands, numbers, + - * / ** %, comparisons, and, or, not, and {offered} may be used")
