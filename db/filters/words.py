"""The words of CQL2 text: names, numbers, texts and signs, one after the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from db.filters.expression import FilterInvalidError

LENGTH_MAX = 50_000
WORDS_MAX = 1_000
NUMBERS_MAX = 25_000
ORDERS = ("<>", "<=", ">=", "=", "<", ">")
_RESERVED = frozenset({"AND", "OR", "NOT", "BETWEEN", "LIKE", "IN", "IS", "NULL"})
_WORD = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d][\w:.]*)
    |(?P<sign><>|<=|>=|[=<>+\-*/(),]))""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


class Tokens:
    """Words that are taken one by one. Whatever is not as it should be raises FilterInvalidError."""

    def __init__(self, source: str, tokens: list[_Token]) -> None:
        self._source = source
        self._tokens = tokens
        self._next = 0

    def sees(self, word: str) -> bool:
        """Whether a sign or a keyword comes next."""
        token = self._tokens[self._next]
        return token.kind in ("sign", "name") and token.text.upper() == word

    def takes(self, word: str) -> bool:
        """Go past a sign or a keyword, if it comes next."""
        found = self.sees(word)
        self._next += found
        return found

    def needs(self, word: str) -> None:
        """Go past a sign or a keyword."""
        if not self.takes(word):
            self.refuse()

    def value(self) -> str | float | None:
        """A text or a number, if one comes next."""
        token = self._tokens[self._next]
        if token.kind not in ("text", "number"):
            return None
        self._next += 1
        return _unquoted(token.text) if token.kind == "text" else _number(token.text)

    def text(self) -> str:
        """A text."""
        found = self.value()
        return found if isinstance(found, str) else self.refuse()

    def number(self) -> float:
        """A number, perhaps with a sign."""
        negative = self.takes("-")
        found = self.value()
        if not isinstance(found, int | float):
            self.refuse()
        return -found if negative else found

    def name(self) -> tuple[str, bool]:
        """A name, and whether it stands in quotes."""
        token = self._tokens[self._next]
        if token.kind not in ("name", "quoted") or (token.kind == "name" and token.text.upper() in _RESERVED):
            self.refuse()
        self._next += 1
        return (token.text, False) if token.kind == "name" else (_unquoted(token.text), True)

    def end(self) -> None:
        """That nothing is left."""
        if self._tokens[self._next].kind != "end":
            self.refuse()

    def refuse(self) -> NoReturn:
        """Tell where it went wrong."""
        raise _unexpected(self._source, self._tokens[self._next].at)


def tokens_of(text: str) -> Tokens:
    """The words of a filter. Raises: FilterInvalidError."""
    if len(text) > LENGTH_MAX:
        raise FilterInvalidError(f"it is longer than {LENGTH_MAX} characters")
    tokens, at, end = list[_Token](), 0, len(text.rstrip())
    numbers = 0
    while at < end:
        found = _WORD.match(text, at)
        if found is None or found.lastgroup is None:
            raise _unexpected(text, at + len(text[at:]) - len(text[at:].lstrip()))
        numbers += found.lastgroup == "number" or found.group().strip() in (",", "-")
        if numbers > NUMBERS_MAX or len(tokens) - numbers >= WORDS_MAX:
            raise FilterInvalidError(f"it has more than {WORDS_MAX} words or {NUMBERS_MAX} numbers")
        tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        at = found.end()
    return Tokens(text, [*tokens, _Token("end", "", end)])


def _unquoted(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])


def _number(text: str) -> float:
    return int(text) if text.isdigit() and len(text) < 16 else float(text)


def _unexpected(text: str, at: int) -> FilterInvalidError:
    line, column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
    return FilterInvalidError(f"it can't be read as CQL2 text: line {line}, column {column} is not expected")
