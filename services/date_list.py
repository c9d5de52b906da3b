"""Dates as capabilities list them: one by one, and where there are very many, regular ones as intervals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

LISTED_MAX = 200
_RUN = 3  # dates from which an interval is shorter than a list

type Step = tuple[int, timedelta]  # months, or a time


def listed(labels: Sequence[str]) -> list[str]:
    """What stands in capabilities for some labels.

    Args:
        labels: distinct, in chronological order.
    Returns: the labels; for more than `LISTED_MAX` of them days instead of instants where no day has two, and
        `first/last/period` for three or more that follow each other regularly.
    """
    if len(labels) <= LISTED_MAX:
        return list(labels)
    days = [label[:10] for label in labels]
    texts = days if len(set(days)) == len(labels) else list(labels)
    found, start = [], 0
    while start < len(texts):
        end, period = _run(texts, start)
        found += [f"{texts[start]}/{texts[end - 1]}/{period}"] if period else texts[start:end]
        start = end
    return found


def _run(texts: Sequence[str], start: int) -> tuple[int, str | None]:
    """Where the run that begins at `start` ends, and its period; a single date has none."""
    instants = [_instant(text) for text in texts[start : start + 2]]
    step = _step(*instants) if len(instants) == 2 else None
    end, last = start + 2, instants[-1]
    while step is not None and end < len(texts):
        following = _instant(texts[end])
        if _step(last, following) != step:
            break
        end, last = end + 1, following
    if step is None or end - start < _RUN:
        return start + 1, None
    return end, _period(step)


def _step(first: datetime | None, second: datetime | None) -> Step | None:
    """Whole months where day and time agree, else the time between."""
    if first is None or second is None:
        return None
    if (first.day, first.timetz()) == (second.day, second.timetz()) and (first.month, first.year) != (
        second.month,
        second.year,
    ):
        return 12 * (second.year - first.year) + second.month - first.month, timedelta()
    return 0, second - first


def _period(step: Step) -> str:
    months, time = step
    if months:
        return f"P{months // 12}Y" if months % 12 == 0 else f"P{months}M"
    seconds = time / timedelta(seconds=1)
    return f"P{time.days}D" if time == timedelta(days=time.days) else f"PT{seconds:.10g}S"


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
