"""The workloads as process graphs, the way the Python client writes them."""

from __future__ import annotations

from typing import Any

from benchmarks.data import COLLECTION, CRS, NORTH, STEP, WEST, polygons

CLOUDY = (3, 8, 9, 10)
BANDS = ("B02", "B03", "B04", "B08")
Graph = dict[str, Any]


def extent(size: int, row: int = 0, column: int = 0, rows: int | None = None, columns: int | None = None) -> Graph:
    """A bounding box of whole pixels."""
    rows, columns = rows or size, columns or size
    west, north = WEST + column * STEP, NORTH - row * STEP
    return {"west": west, "south": north - rows * STEP, "east": west + columns * STEP, "north": north, "crs": CRS}


def node(process_id: str, /, **arguments: Any) -> Graph:
    """A node of a process graph."""
    result = arguments.pop("result", False)
    return {"process_id": process_id, "arguments": arguments} | ({"result": True} if result else {})


def ref(name: str) -> Graph:
    """The result of another node."""
    return {"from_node": name}


DATA: Graph = {"from_parameter": "data"}


def load(bands: tuple[str, ...], box: Graph, temporal: list[str] | None = None) -> Graph:
    """load_collection."""
    return node("load_collection", id=COLLECTION, spatial_extent=box, temporal_extent=temporal, bands=list(bands))


def reducer(process: str) -> Graph:
    """A callback of one process."""
    return {"process_graph": {"r": node(process, data=DATA, result=True)}}


def _cloud_mask(index: int) -> Graph:
    """A callback over the bands: SCL is one of the cloudy classes."""
    graph: Graph = {"scl": node("array_element", data=DATA, index=index)}
    last = None
    for code in CLOUDY:
        graph[f"eq{code}"] = node("eq", x=ref("scl"), y=code)
        if last is not None:
            graph[f"or{code}"] = node("or", x=ref(last), y=ref(f"eq{code}"))
            last = f"or{code}"
        else:
            last = f"eq{code}"
    assert last is not None
    graph[last]["result"] = True
    return {"process_graph": graph}


def _ndvi() -> Graph:
    graph = {
        "n": node("array_element", data=DATA, index=1),
        "r": node("array_element", data=DATA, index=0),
        "s": node("subtract", x=ref("n"), y=ref("r")),
        "a": node("add", x=ref("n"), y=ref("r")),
        "d": node("divide", x=ref("s"), y=ref("a"), result=True),
    }
    return {"process_graph": graph}


def masked_ndvi(box: Graph, temporal: list[str] | None = None) -> Graph:
    """W1 up to the index: red and near infrared, clouds masked by SCL, median over time, NDVI."""
    return {
        "load": load(("B04", "B08", "SCL"), box, temporal),
        "clouds": node("reduce_dimension", data=ref("load"), dimension="bands", reducer=_cloud_mask(2)),
        "mask": node("mask", data=ref("load"), mask=ref("clouds")),
        "median": node("reduce_dimension", data=ref("mask"), dimension="t", reducer=reducer("median")),
        "ndvi": node("reduce_dimension", data=ref("median"), dimension="bands", reducer=_ndvi()),
    }


def saved(graph: Graph, last: str, format_: str, options: Graph | None = None) -> Graph:
    """The graph with a save_result at its end."""
    return {**graph, "save": node("save_result", data=ref(last), format=format_, options=options or {}, result=True)}


PLAIN = {"overviews": False, "zlevel": 6}


def w1(size: int) -> Graph:
    """Masked median NDVI to a plain GeoTIFF."""
    return saved(masked_ndvi(extent(size)), "ndvi", "GTiff", PLAIN)


def w1_cog(size: int) -> Graph:
    """The same as a COG with overviews."""
    return saved(masked_ndvi(extent(size)), "ndvi", "COG", {"zlevel": 6})


def w2(size: int) -> Graph:
    """Monthly mean of four bands, uncompressed."""
    graph = {
        "load": load(BANDS, extent(size)),
        "mean": node("aggregate_temporal_period", data=ref("load"), period="month", reducer=reducer("mean")),
    }
    return saved(graph, "mean", "GTiff", {"compress": "NONE", "overviews": False})


def w3(size: int, count: int = 500) -> Graph:
    """Masked mean of two bands for polygons at every date."""
    graph = {
        "load": load(("B04", "B08", "SCL"), extent(size)),
        "clouds": node("reduce_dimension", data=ref("load"), dimension="bands", reducer=_cloud_mask(2)),
        "mask": node("mask", data=ref("load"), mask=ref("clouds")),
        "bands": node("filter_bands", data=ref("mask"), bands=["B04", "B08"]),
        "zonal": node(
            "aggregate_spatial", data=ref("bands"), geometries=polygons(size, count), reducer=reducer("mean")
        ),
    }
    return saved(graph, "zonal", "JSON")


def w4(size: int) -> Graph:
    """Linear scale of the full cube to netCDF."""
    scale = node("linear_scale_range", x={"from_parameter": "x"}, inputMin=0, inputMax=10000, outputMax=1, result=True)
    graph = {
        "load": load(BANDS, extent(size)),
        "scale": node("apply", data=ref("load"), process={"process_graph": {"s": scale}}),
    }
    return saved(graph, "scale", "netCDF", {"compress": "NONE"})


def w5(size: int) -> Graph:
    """A 5 x 5 kernel on one date, then EPSG:3035 at 30 m."""
    kernel = [[1 / 25] * 5] * 5
    graph = {
        "load": load(("B04",), extent(size), ["2022-06-02", "2022-06-03"]),
        "kernel": node("apply_kernel", data=ref("load"), kernel=kernel),
        "warp": node("resample_spatial", data=ref("kernel"), resolution=30, projection=3035, method="bilinear"),
    }
    return saved(graph, "warp", "GTiff", PLAIN)


def w7(size: int) -> Graph:
    """64 x 64 pixels of two dates: mean, NDVI."""
    graph = {
        "load": load(("B04", "B08"), extent(size, 1024 % size, 1024 % size, 64, 64), ["2022-06-02", "2022-06-20"]),
        "mean": node("reduce_dimension", data=ref("load"), dimension="t", reducer=reducer("mean")),
        "ndvi": node("reduce_dimension", data=ref("mean"), dimension="bands", reducer=_ndvi()),
    }
    return saved(graph, "ndvi", "GTiff", {"overviews": False})


def w8(size: int) -> Graph:
    """One pixel, every date, four bands."""
    return saved({"load": load(BANDS, extent(size, 2000 % size, 2000 % size, 1, 1))}, "load", "JSON")


GRAPHS = {"W1": w1, "W1-COG": w1_cog, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "W7": w7, "W8": w8}
SIZES = {"W4": 2048}
"""Workloads over a part of the extent only."""
