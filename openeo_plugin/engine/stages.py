"""The stages of a run: a barrier's windows are folded before any window above it is computed."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from openeo_plugin.engine.ahead import Ahead, FoldWork
from openeo_plugin.engine.barrier import Barrier, folded, partial_of
from openeo_plugin.engine.kept_partials import KeptPartials
from openeo_plugin.engine.operator import Request, RunContext
from openeo_plugin.engine.pool import Tally, run_all


@dataclass(frozen=True)
class Stage:
    """A barrier, its number among those of the run, and its windows."""

    number: int
    barrier: Barrier
    requests: Sequence[Request]

    def kept(self, context: RunContext) -> KeptPartials | None:
        """Where partials are kept, if the run keeps anything."""
        if context.kept is None:
            return None
        types = getattr(self.barrier, "partial_types", ())
        return KeptPartials(context.kept, self.number, self.requests, types)

    def partial(self, place: int, context: RunContext, ahead: Ahead | None) -> Any:
        """From elsewhere, or computed now."""
        found = ahead.take_partial(self.number, place) if ahead is not None else None
        return partial_of(self.barrier, self.requests[place], context) if found is None else found


def run_stage(
    pool: ThreadPoolExecutor, stage: Stage, threads: int, ahead: Ahead | None, context: RunContext, tally: Tally
) -> None:
    """Fold the windows of a barrier. Partials are combined in the order of the windows, whoever was first.

    Raises: OpenEOError of the first window that fails; Canceled.
    """
    barrier, count = stage.barrier, len(stage.requests)
    if barrier.state.done:
        for _ in range(count):
            tally.one_more()
    else:
        kept = stage.kept(context)
        partials = kept.load() if kept is not None else {}
        for _ in partials:
            tally.one_more()

        def one(place: int) -> None:
            context.check()
            partials[place] = made = stage.partial(place, context, ahead)
            if kept is not None:
                kept.add(place, made)

        missing = [place for place in range(count) if place not in partials]
        with contextlib.closing(_places(stage, missing, context, ahead)) as places:
            run_all(pool, (functools.partial(one, place) for place in places), threads, tally)
        if kept is not None:
            kept.close()
        barrier.state.get(lambda: barrier.finish([partials[place] for place in range(count)]))
    if ahead is not None:
        ahead.put_fold(stage.number, folded(barrier, context))


def _places(stage: Stage, missing: list[int], context: RunContext, ahead: Ahead | None) -> Generator[int]:
    """Windows of a barrier, as soon as their partials can be had in this process."""
    if ahead is None:
        yield from missing
        return
    work = FoldWork(stage.number, len(stage.requests), stage.barrier.fold_input, missing)
    with contextlib.closing(ahead.partials(work, context)) as places:
        yield from places
