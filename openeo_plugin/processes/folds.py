"""Which reducers can be folded window by window, told from their graphs."""

from __future__ import annotations

from typing import Any

from openeo_plugin.engine.operators.zonal_folds import FOLDED, Fold
from openeo_plugin.graph.process_graph import FromParameter
from openeo_plugin.processes.evaluate import Callback


def fold_of(reducer: Any) -> Fold | None:
    """The fold that a reducer is: a single process that has one, with nothing but the data and `ignore_nodata`."""
    if not isinstance(reducer, Callback) or len(reducer.graph.nodes) != 1:
        return None
    (node,) = reducer.graph.nodes.values()
    arguments = {name: value for name, value in node.arguments.items() if value is not None and name != "context"}
    data, ignore = arguments.pop("data", None), arguments.pop("ignore_nodata", True)
    plain = isinstance(data, FromParameter) and data.name == "data" and not arguments and isinstance(ignore, bool)
    if not plain or node.process_id not in FOLDED or node.namespace not in (None, "backend"):
        return None
    return Fold(node.process_id, ignore)
