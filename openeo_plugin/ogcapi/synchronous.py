"""Synchronous processing: plan, refuse what is too large, run into a scratch folder, hand out the open file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openeo_plugin.results.scratch import scratch_folder
from openeo_plugin.results.synchronous import OpenFile, deadline, json_value, opened, refuse_large, turn

if TYPE_CHECKING:
    from openeo_plugin.backend import Backend

_ADVICE = "Ask for a job with `Prefer: respond-async`."


@dataclass(frozen=True)
class ValueOutput:
    """A process gave a JSON value."""

    value: Any
    media_type: str = "application/json"


Output = ValueOutput | OpenFile


def run_now(backend: Backend, process: dict[str, Any], user: str) -> Output:
    """Run a process and wait for it: a value as JSON, one file as it is, several as a TAR.

    Raises: OpenEOError: ProcessGraphComplexity for what would read too much, RequestTimeout, TooManyRequests,
        StorageFailure.
    """
    settings = backend.settings
    with turn(), deadline(settings.sync_timeout_s) as context:
        plan = backend.driver.plan(process, user)
        plan.refuse_exports()
        if plan.description is None and not plan.results:
            return ValueOutput(json_value(plan.value))
        refuse_large(plan.estimate().bytes_read, settings.sync_max_bytes, _ADVICE)
        with scratch_folder(settings.data_dir) as folder:
            return opened(backend.driver.run(plan, folder, lambda _progress: None, context), folder)
