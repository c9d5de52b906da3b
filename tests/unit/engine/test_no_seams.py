"""A result never depends on how the extent was cut: every operator, drawn graphs, drawn windows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import cubes
import numpy as np
import pytest
from cubes import call, chain, computed, graph
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openeo_plugin.cube.grid import Window, tiled
from openeo_plugin.cube.pixels import Array, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.schedule import compute_all
from openeo_plugin.errors import OpenEOError

Step = Callable[[Operator], Any]
MEAN, MEDIAN, FIRST, COUNT = (graph(name, data="$data") for name in ("mean", "median", "first", "count"))
SHARE = chain(
    ("mean", {"data": "$data"}), ("array_element", {"data": "$data", "index": 0}), ("divide", {"x": "#1", "y": "#0"})
)
SPLIT = chain(("min", {"data": "$data"}), ("max", {"data": "$data"}), ("array_create", {"data": ["#0", "#1", 3]}))
OVERLAPPING = [["2020-06-01", "2020-06-04"], ["2020-06-03", None]]
LINE = chain(
    ("array_element", {"data": "$parameters", "index": 0}),
    ("array_element", {"data": "$parameters", "index": 1}),
    ("multiply", {"x": "#1", "y": "$x"}),
    ("add", {"x": "#0", "y": "#2"}),
)

GROWTH = chain(
    ("array_element", {"data": "$parameters", "index": 0}),
    ("array_element", {"data": "$parameters", "index": 1}),
    ("divide", {"x": "$x", "y": 3e9}),
    ("multiply", {"x": "#1", "y": "#2"}),
    ("exp", {"p": "#3"}),
    ("multiply", {"x": "#0", "y": "#4"}),
)


def first_name(cube: Operator) -> str:
    if not cube.description.labelled:
        raise OpenEOError("DimensionMissing", type="labelled")
    return cube.description.labelled[0].name


def labelled_names(cube: Operator) -> list[str]:
    return [d.name for d in cube.description.dimensions if d.name not in "xy"]


def bands_name(cube: Operator) -> str:
    dimension = cube.description.bands_dimension
    if dimension is None:
        raise OpenEOError("DimensionMissing", type="bands")
    return dimension.name


def step(process_id: str, **arguments: Any) -> Step:
    """A process on the cube; an argument that is a function is called with the cube."""

    def apply(cube: Operator) -> Any:
        given = {k: v(cube) if callable(v) else v for k, v in arguments.items()}
        return call(process_id, data=cube, **given)

    apply.__name__ = f"{process_id}{sorted(arguments)}"
    return apply


def over_threshold(cube: Operator) -> Operator:
    return call("mask", data=cube, mask=call("apply", data=cube, process=graph("gt", x="$x", y=20)))


def replaced(cube: Operator) -> Operator:
    return call("mask", data=cube, mask=call("apply", data=cube, process=graph("lt", x="$x", y=20)), replacement=-1)


def merged_with_itself(cube: Operator) -> Operator:
    other = call("apply", data=cube, process=graph("add", x="$x", y=1))
    return call("merge_cubes", cube1=cube, cube2=other, overlap_resolver=graph("subtract", x="$x", y="$y"))


def merged_with_an_index(cube: Operator) -> Operator:
    index = call("reduce_dimension", data=cube, dimension=bands_name(cube), reducer=MEAN)
    index = call("add_dimension", data=index, name=bands_name(cube), label="index", type="bands")
    return call("merge_cubes", cube1=cube, cube2=index)


def filtered_and_merged(cube: Operator) -> Operator:
    part = call("filter_bbox", data=cube, extent=extent_of(cube, 7, 9, 20, 19))
    return call("merge_cubes", cube1=part, cube2=cube, overlap_resolver=graph("max", data=["$x", "$y"]))


def fitting(function: dict[str, Any]) -> dict[str, Any]:
    made = graph("fit_curve", data="$data", parameters=[1, 0.1])
    made["process_graph"]["n0"]["arguments"]["function"] = function
    return made


def predicted(cube: Operator) -> Operator:
    fitted = call("apply_dimension", data=cube, process=fitting(LINE), dimension=numbered(cube), target_dimension="p")
    return call(
        "predict_curve", parameters=fitted, function=LINE, dimension="when", labels=["2020-06-02", "2020-07-01"]
    )


def numbered(cube: Operator) -> str:
    """A dimension whose labels can be the variable of a curve."""
    for dimension in cube.description.labelled:
        if dimension.type == "temporal" or all(isinstance(label, int) for label in dimension.labels):
            return dimension.name
    raise OpenEOError("DimensionMissing", type="temporal")


def resampled(**more: Any) -> Step:
    def apply(cube: Operator) -> Any:
        target = cubes.series([0, 0, 0], ["2020-06-02", "2020-06-20", "2019-01-01"])
        return call("resample_cube_temporal", data=cube, target=target, **more)

    apply.__name__ = f"resample_cube_temporal{sorted(more)}"
    return apply


def anomalies(cube: Operator) -> Operator:
    data = cube
    if "t2" in cube.description.names:
        once = call("filter_labels", data=cube, dimension="t2", condition=graph("eq", x="$value", y="2020-01-01"))
        data = call("drop_dimension", data=once, name="t2")
    months = [["2020-06-01", "2020-07-01"], ["2020-07-01", "2020-08-01"]]
    normals = call("aggregate_temporal", data=data, intervals=months, reducer=MEAN, labels=["06", "07"])
    return call("anomaly", data=data, normals=normals, period="month")


def minus_its_last_row(cube: Operator) -> Operator:
    part = call(
        "trim_cube", data=call("mask", data=cube, mask=call("apply", data=cube, process=graph("gt", x="$x", y=90)))
    )
    return call("merge_cubes", cube1=cube, cube2=part, overlap_resolver=graph("subtract", x="$x", y="$y"))


def split_again(cube: Operator) -> Operator:
    flat = call("flatten_dimensions", data=cube, dimensions=labelled_names(cube)[::-1], target_dimension="flat")
    if len(labelled_names(cube)) < 2:
        return flat
    kept = call("filter_labels", data=flat, dimension="flat", condition=graph("text_ends", data="$value", pattern="0Z"))
    return call("unflatten_dimension", data=kept, dimension="flat", target_dimensions=["a", "b"])


def moved(cube: Operator) -> Operator:
    row = call("filter_bbox", data=cube, extent=extent_of(cube, 3, 0, 1, 40))
    return call("add_dimension", data=call("drop_dimension", data=row, name="y"), name="north", label=7, type="spatial")


def extent_of(cube: Operator, y: int, x: int, height: int, width: int) -> dict[str, Any]:
    box = Window(cube.description.grid, y, x, height, width).geobox().extent.boundingbox
    return {"west": box.left, "south": box.bottom, "east": box.right, "north": box.top, "crs": 32632}


CHUNKS = [{"dimension": "x", "value": 16, "unit": "px"}, {"dimension": "y", "value": 9, "unit": "px"}]
OVERLAP = [{"dimension": "x", "value": 1, "unit": "px"}, {"dimension": "y", "value": 2, "unit": "px"}]
BOX = [[1, 1, 1], [1, 1, 1], [1, 1, 1]]

STEPS: list[Step] = [
    step("apply", process=graph("linear_scale_range", x="$x", inputMin=0, inputMax=100)),
    step("apply", process=graph("is_nodata", x="$x")),
    step("apply", process=graph("eq", x="$x", y=3)),
    step("reduce_dimension", dimension=first_name, reducer=MEAN),
    step("reduce_dimension", dimension=first_name, reducer=MEDIAN),
    step("reduce_dimension", dimension=first_name, reducer=FIRST),
    step("reduce_dimension", dimension=first_name, reducer=graph("array_element", data="$data", index=1)),
    step("reduce_dimension", dimension=bands_name, reducer=SHARE),
    step("reduce_dimension", dimension=bands_name, reducer=graph("array_element", data="$data", index=1)),
    step("aggregate_temporal_period", dimension="t", period="month", reducer=MEDIAN),
    step("aggregate_temporal_period", dimension="t", period="week", reducer=COUNT),
    step("aggregate_temporal", dimension="t", reducer=MEAN, intervals=OVERLAPPING),
    step("apply_dimension", dimension=first_name, process=graph("sort", data="$data", nodata=True)),
    step("apply_dimension", dimension=first_name, process=graph("cumsum", data="$data")),
    step("apply_dimension", dimension=first_name, target_dimension="q", process=graph("quantiles", data="$data", q=4)),
    step("apply_dimension", dimension=first_name, process=graph("array_interpolate_linear", data="$data")),
    step("apply_dimension", dimension=bands_name, process=SPLIT),
    step("apply_dimension", dimension=bands_name, target_dimension="stats", process=SPLIT),
    step("apply_dimension", dimension=first_name, target_dimension="bands", process=graph("extrema", data="$data")),
    step("flatten_dimensions", dimensions=labelled_names, target_dimension="flat"),
    step("filter_labels", dimension=first_name, condition=graph("neq", x="$value", y="2020-06-03T00:00:00Z")),
    step("filter_temporal", extent=["2020-06-02", "2020-06-30"], dimension="t"),
    step("filter_bands", bands=["B2", "M1", "S2", "M4"]),
    step("ndvi"),
    step("apply_dimension", dimension="x", process=graph("cumsum", data="$data")),
    step("apply_dimension", dimension="y", process=graph("sort", data="$data", asc=False, nodata=False)),
    step("apply_dimension", dimension="x", process=graph("quantiles", data="$data", q=4)),
    step("apply_dimension", dimension="y", target_dimension="q", process=graph("extrema", data="$data")),
    step("reduce_dimension", dimension="y", reducer=MEDIAN),
    step("reduce_dimension", dimension="x", reducer=MEAN),
    step("reduce_dimension", dimension="x", reducer=FIRST),
    step("reduce_spatial", reducer=MEAN),
    step("apply_kernel", kernel=[[1, 2, 1], [0, 1, 0], [3, 0, 1], [0, 2, 0], [1, 1, 1]], border="reflect"),
    step("apply_kernel", kernel=[[1, 2, 1]], border=7, factor=0.25, replace_invalid=-1),
    step("resample_spatial", resolution=7, method="bilinear", align="lower-right"),
    step("resample_spatial", resolution=25, method="average"),
    step("resample_spatial", resolution=9, projection=3035, method="cubic"),
    step("resample_spatial", resolution=31, projection=3035, method="med"),
    step("resample_spatial", resolution=13, projection=3857, method="near"),
    step("apply_neighborhood", size=CHUNKS, overlap=OVERLAP, process=graph("apply_kernel", data="$data", kernel=BOX)),
    step("add_dimension", name="new", label="a"),
    step("rename_dimension", source=first_name, target="other"),
    over_threshold,
    replaced,
    step("apply_dimension", dimension=numbered, process=fitting(GROWTH)),
    predicted,
    resampled(),
    resampled(valid_within=3),
    anomalies,
    minus_its_last_row,
    split_again,
    moved,
    merged_with_itself,
    merged_with_an_index,
    filtered_and_merged,
]  # fmt: skip


def same_pixels(first: Pixels, second: Pixels) -> None:
    """Bit for bit, but for what stands below null."""
    one, two = first.plain(), second.plain()
    assert one.values.dtype == two.values.dtype
    nulls = [np.zeros(p.shape, bool) if (n := p.null()) is None else n for p in (one, two)]
    np.testing.assert_array_equal(nulls[0], nulls[1])
    np.testing.assert_array_equal(one.values[~nulls[0]], two.values[~nulls[1]])


def cut(pixels: Pixels, window: Window) -> Pixels:
    return pixels.with_values(lambda a: a[..., window.y : window.y + window.height, window.x : window.x + window.width])


def check_windows(cube: Operator, height: int, width: int, dy: int, dx: int) -> None:
    """Windows of this size, and one that sticks out by (dy, dx)."""
    complete = computed(cube).bands
    grid = cube.description.grid
    rows, columns = grid.shape
    for window in tiled(grid, height, width):
        for part, whole in zip(computed(cube, window).bands, complete, strict=True):
            same_pixels(part, cut(whole, window))
    dy, dx = min(dy, rows), min(dx, columns)
    beyond = Window(grid, -dy, -dx, rows, columns)
    inside = Window(grid, 0, 0, rows - dy, columns - dx)
    for part, whole in zip(computed(cube, beyond).bands, complete, strict=True):
        same_pixels(part.with_values(lambda a: a[..., dy:, dx:]), cut(whole, inside))


def check_labels(cube: Operator, seed: int) -> None:
    """Any choice of bands and labels gives the same as all of them; what is described is what comes."""
    description = cube.description
    rng = np.random.default_rng(seed)
    (y, height), (x, width) = (
        (first, min(size, n - first)) if n > first else (0, n)
        for n, first, size in zip(description.grid.shape, (3, 5), (11, 7), strict=True)
    )
    window = Window(description.grid, y, x, height, width)
    complete = computed(cube, window).bands
    for band, pixels in zip(description.bands, complete, strict=True):
        assert pixels.dtype == band.dtype
        can_be_null = band.nodata is not None or band.nullable
        assert can_be_null or pixels.null() is None or not pixels.null().any()  # type: ignore[union-attr]
    bands = tuple(int(i) for i in rng.permutation(len(description.bands))[: int(rng.integers(1, 3))])
    labels = tuple(
        tuple(int(i) for i in rng.permutation(len(d.labels))[: int(rng.integers(1, 3))]) for d in description.labelled
    )
    chosen = compute_all([(cube, Request(window, bands, labels, exact=True))], RunContext())[0].bands
    for index, pixels in zip(bands, chosen, strict=True):
        same_pixels(pixels, complete[index].with_values(functools.partial(_picked, labels=labels)))


def _picked(array: Array, labels: tuple[tuple[int, ...], ...]) -> Array:
    return array[np.ix_(*labels)] if labels else array


def applied(own: Step, cube: Operator) -> Operator | None:
    """The cube after a step; None if the step does not fit the cube, or leaves nothing of it."""
    try:
        made = own(cube)
    except OpenEOError as error:
        if error.code == "ProcessGraphInvalid":
            raise
        return None
    description = made.description
    return made if description.bands and 0 not in (*description.shape, *description.grid.shape) else None


@pytest.mark.parametrize("factory", cubes.FACTORIES)
@pytest.mark.parametrize("name", range(len(STEPS)), ids=lambda i: STEPS[i].__name__)
def test_every_operator_gives_the_same_in_windows(factory: Callable[[], Operator], name: int) -> None:
    cube = applied(STEPS[name], factory())
    if cube is not None:
        check_windows(cube, 17, 23, 5, 9)
        check_labels(cube, name)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    factory=st.sampled_from(cubes.FACTORIES),
    steps=st.lists(st.sampled_from(STEPS), min_size=2, max_size=4),
    size=st.tuples(st.integers(5, 60), st.integers(5, 60)),
    offset=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    seed=st.integers(0, 99),
)
def test_graphs_of_operators_give_the_same_in_windows(
    factory: Callable[[], Operator],
    steps: list[Step],
    size: tuple[int, int],
    offset: tuple[int, int],
    seed: int,
) -> None:
    cube = factory()
    for own in steps:
        cube = applied(own, cube) or cube
    check_windows(cube, *size, *offset)
    check_labels(cube, seed)
