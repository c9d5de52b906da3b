"""W6 and W7 as a client meets them: tiles in one process and through HTTP, a small request through HTTP."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.data import open_driver, scenes
from benchmarks.server import Client, bound_server, project_server
from benchmarks.tile_bound import Tiles, tile_list
from benchmarks.workloads import extent, load, masked_ndvi, node, ref, w7

TILES = 60
CLIENTS = 8
WARM_UP_S, LOAD_S = 4.0, 8.0
LIMITS = {("in-process", 1): 1.1, ("in-process", 10): 1.1, ("XYZ", 1): 1.6, ("XYZ", 10): 1.15}
LIMIT_OF_OTHERS = 2.0
STATIC_FILE = "/viewer-files/viewer.js"  # smaller than most tiles
STYLE = {"rescale": [-1, 1], "colormap": "rdylgn", "resampling": "nearest"}
Row = dict[str, Any]
Tile = tuple[int, int, int]
Ask = Callable[[Tile], bytes]
Address = Callable[[Tile], str]


def tile_graph(size: int, dates: int) -> Row:
    """NDVI of one date, the band dimension reduced first; or of the masked median of ten."""
    if dates > 1:
        graph = masked_ndvi(extent(size))
        graph["ndvi"]["result"] = True
        return {"process_graph": graph}
    whole = masked_ndvi(extent(size))["ndvi"]["arguments"]["reducer"]
    return {
        "process_graph": {
            "load": load(("B04", "B08"), extent(size), ["2022-06-02", "2022-06-03"]),
            "ndvi": node("reduce_dimension", data=ref("load"), dimension="bands", reducer=whole),
            "one": node("drop_dimension", data=ref("ndvi"), name="t", result=True),
        }
    }


def rows(folder: Path, size: int, work: Path) -> Iterator[Row]:
    """In-process first, then through HTTP, then eight clients at once."""
    yield from _in_process(folder, size, work)
    with project_server(folder, work / "tiles") as client, bound_server(folder, size) as port:
        for dates in (1, 10):
            service = _service(client, "XYZ", size, dates)
            ours, theirs = _asker(client.port, xyz(f"/tiles/{service}")), _asker(port, xyz(f"/{dates}"))
            for z in (14, 10):
                yield _latency("XYZ", dates, z, ours(), theirs(), size)
            yield _throughput(dates, ours, theirs, size)
            for face, address in (("WMTS", wmts), ("WMS", wms)):
                path = address(f"/ogc/{_service(client, face, size, dates)}")
                for z in (14, 10):
                    yield _latency(face, dates, z, _asker(client.port, path)(), theirs(), size)
    yield _kept(folder, size, work / "kept")


def _service(client: Client, type_name: str, size: int, dates: int) -> str:
    """Makes a service; gives its id."""
    body = {"type": type_name, "process": tile_graph(size, dates), "configuration": STYLE, "enabled": True}
    _, headers = client.ask("POST", "/openeo/v1/services", body)
    return str(headers["OpenEO-Identifier"])


def xyz(base: str) -> Address:
    """Addresses of tiles below a path."""
    return lambda tile: f"{base}/{tile[0]}/{tile[1]}/{tile[2]}"


def wmts(base: str) -> Address:
    """GetTile, as clients write it that know the capabilities."""
    return lambda tile: f"{base}/wmts/map/WebMercatorQuad/{tile[0]}/{tile[1]}/{tile[2]}.png"


def wms(base: str) -> Address:
    """GetMap of 256 x 256 pixels where a tile lies."""
    from services.tile_matrix import tile_bounds

    query = "service=WMS&request=GetMap&version=1.3.0&layers=map&styles=&crs=EPSG:3857&width=256&height=256"
    path = f"{base}/service?{query}&format=image/png&transparent=true&bbox="
    return lambda tile: path + ",".join(map(repr, tile_bounds(tile)))


def _asker(port: int, address: Address) -> Callable[[], Ask]:
    """Makes a function, with a connection of its own, that asks for tiles."""

    def connect() -> Ask:
        client = Client(port)
        return lambda tile: client.get(address(tile))

    return connect


def _kept(folder: Path, size: int, work: Path) -> Row:
    """Tiles that were kept beside a file that is handed out as it is, with eight clients."""
    with project_server(folder, work, tile_cache_bytes=2**30) as client:
        service = _service(client, "XYZ", size, 1)
        own = _per_second(_asker(client.port, xyz(f"/tiles/{service}")), size)
        other = _per_second(_asker(client.port, lambda tile: STATIC_FILE), size)
    return {
        "workload": "W6 kept tiles 8 clients",
        "tiles_per_s": round(own, 1),
        "files_per_s": round(other, 1),
        "ratio": round(own / other, 3),
        "results": f"{own:.0f} tiles/s, static files {other:.0f} (at least 0.6 of them)",
    }


def _in_process(folder: Path, size: int, work: Path) -> Iterator[Row]:
    from openeo_plugin.sources.tiff_blocks import keep_blocks
    from services.configuration import check_configuration
    from services.render import render
    from services.style import bind
    from services.tile_matrix import WEB_MERCATOR, grid_of, tile_bounds

    settings, driver = open_driver(folder, work / f"catalogue-{folder.name}")
    keep_blocks(settings.block_cache)  # as a web process does; GDAL keeps as much for the bound
    bound = Tiles(folder, size)
    check_configuration(STYLE)
    for dates in (1, 10):
        plan = driver.plan(tile_graph(size, dates), None)
        assert plan.description is not None
        style = bind(STYLE, plan.description)

        def ours(tile: Tile, plan: Any = plan, style: Any = style) -> bytes:
            return render(plan, grid_of(tile_bounds(tile), 256, 256, WEB_MERCATOR), style, {}, "png")

        def theirs(tile: Tile, dates: int = dates) -> bytes:
            return bound.png(*tile, dates)

        for z in (14, 10):
            yield _latency("in-process", dates, z, ours, theirs, size)


def _latency(where: str, dates: int, z: int, ours: Ask, theirs: Ask, size: int) -> Row:
    """The same tiles asked of both in turn, after a first round."""
    tiles = tile_list(z, TILES, size)
    for tile in tiles[:5]:
        ours(tile)
        theirs(tile)
    times: dict[Ask, list[float]] = {ours: [], theirs: []}
    for number, tile in enumerate(tiles):
        for ask in (ours, theirs) if number % 2 else (theirs, ours):
            times[ask].append(_timed(ask, tile))
    own, other = statistics.median(times[ours]), statistics.median(times[theirs])
    return {
        "workload": f"W6 {where} {dates}d z{z} p50",
        "project_s": round(own, 5),
        "bound_s": round(other, 5),
        "ratio": round(own / other, 3),
        "limit": LIMITS.get((where, dates), LIMIT_OF_OTHERS),
    }


def _timed(ask: Ask, tile: Tile) -> float:
    started = time.perf_counter()
    ask(tile)
    return time.perf_counter() - started


def _throughput(dates: int, ours: Callable[[], Ask], theirs: Callable[[], Ask], size: int) -> Row:
    """Tiles a second with eight clients, at z14."""
    own, other = _per_second(ours, size), _per_second(theirs, size)
    wanted = "at least 100" if dates == 1 else "at least 0.7 of it"
    return {
        "workload": f"W6 XYZ {dates}d 8 clients",
        "tiles_per_s": round(own, 1),
        "bound_tiles_per_s": round(other, 1),
        "ratio": round(own / other, 3),
        "results": f"{own:.0f} tiles/s, bound {other:.0f} ({wanted})",
    }


def _per_second(connect: Callable[[], Ask], size: int) -> float:
    tiles = tile_list(14, 400, size, seed=5)
    counts = [0] * CLIENTS
    started = time.monotonic() + WARM_UP_S  # threads of a server open their files once

    def client(number: int) -> None:
        ask = connect()
        for tile in cycle(tiles[number::CLIENTS]):
            ask(tile)
            if time.monotonic() > started + LOAD_S:
                return
            counts[number] += time.monotonic() > started

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - started)


def request_rows(folder: Path, size: int, work: Path) -> Iterator[Row]:
    """W7 as a synchronous request, validation included; the bound computes it in this process."""
    import rasterio

    from benchmarks import bound

    dates, own, other = scenes(folder), [], []
    with project_server(folder, work / "requests") as client, rasterio.Env(**bound.GDAL):
        body = {"process": {"process_graph": w7(size)}}
        for number in range(45):
            started = time.perf_counter()
            client.ask("POST", "/openeo/v1/result", body)
            middle = time.perf_counter()
            bound.w7(dates, size, work)
            if number >= 5:
                own.append(middle - started)
                other.append(time.perf_counter() - middle)
    p50 = statistics.median(own)
    yield {
        "workload": "W7 http p50",
        "project_s": round(p50, 5),
        "bound_s": round(statistics.median(other), 5),
        "ratio": round(p50 / statistics.median(other), 3),
        "results": f"{p50 * 1000:.1f} ms (at most 40 ms)",
    }
