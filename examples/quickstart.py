"""The main job, as a scientist would write it with the openEO Python client.

From a collection of Sentinel-2 like scenes to a cloud-free vegetation map: discover, build the process graph, validate,
run it as a batch job and as a synchronous preview, publish it as WMTS and XYZ.

    OPENEO_URL=http://127.0.0.1:8080 OPENEO_USER=demo OPENEO_PASSWORD=demo python examples/quickstart.py
"""

from __future__ import annotations

import os
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import openeo
import rasterio
from PIL import Image

URL = os.environ.get("OPENEO_URL", "http://127.0.0.1:8080")
OUTPUT = Path(os.environ.get("OUTPUT", "quickstart-output"))
CLOUDY = {"SCL": (3, 8, 9, 10), "CLM": (1,)}
"""Values of the mask bands that mean cloud or cloud shadow."""


def suitable(description: dict[str, Any]) -> tuple[str, str, str] | None:
    """Red, near infrared and mask band of a collection, if it has them."""
    bands = description.get("cube:dimensions", {}).get("bands", {}).get("values", [])
    common = {}
    for band in description.get("summaries", {}).get("bands", []):
        common[band.get("eo:common_name", band.get("name"))] = band["name"]
    red, nir = common.get("red", "B04"), common.get("nir", "B08")
    mask = next((name for name in CLOUDY if name in bands), None)
    return (red, nir, mask) if mask and red in bands and nir in bands else None


def choose(connection: openeo.Connection) -> tuple[str, tuple[str, str, str]]:
    """The collection with red, near infrared and a cloud mask that has the most dates."""
    found = []
    for collection in connection.list_collections():
        bands = suitable(collection)
        if bands:
            dates = collection["cube:dimensions"]["t"].get("values", [])
            found.append((len(dates), collection["id"], bands))
    if not found:
        raise SystemExit("No collection has red, near infrared and a cloud mask (SCL or CLM).")
    _, name, bands = max(found)
    return name, bands


def cloud_free_ndvi(connection: openeo.Connection, collection: str, bands: tuple[str, str, str]) -> openeo.DataCube:
    """Median over time of the cloud-free values, then the vegetation index."""
    red, nir, mask_band = bands
    cube = connection.load_collection(collection, bands=[red, nir])
    mask_cube = connection.load_collection(collection, bands=[mask_band])
    classes = mask_cube.band(mask_band)
    first, *others = CLOUDY[mask_band]
    cloudy = classes == first
    for code in others:
        cloudy = cloudy | (classes == code)
    masked = cube.mask(cloudy)
    return masked.reduce_dimension(dimension="t", reducer="median").ndvi(nir=nir, red=red)


def run_job(result: openeo.DataCube) -> openeo.BatchJob:
    """Run a batch job and print its progress."""
    job = result.save_result(format="GTiff").create_job(title="Cloud-free NDVI")
    job.start()
    shown = None
    while True:
        info = job.describe()
        line = f"  {info['status']:<9} {info.get('progress', 0):3.0f} %"
        if line != shown:
            print(line, flush=True)
            shown = line
        if info["status"] in ("finished", "error", "canceled"):
            break
        time.sleep(0.2)
    if info["status"] != "finished":
        for entry in job.logs(level="error"):
            print(f"  {entry.get('message')}")
        raise SystemExit(f"The job ended as '{info['status']}'.")
    return job


def main() -> None:
    """The main job."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    print(f"Connecting to {URL}")
    connection = openeo.connect(URL)
    connection.authenticate_basic(os.environ.get("OPENEO_USER", "demo"), os.environ.get("OPENEO_PASSWORD", "demo"))
    print("Collections: " + ", ".join(c["id"] for c in connection.list_collections()))
    collection, bands = choose(connection)
    description = connection.describe_collection(collection)
    dates = description["cube:dimensions"]["t"].get("values", [])
    print(f"Using '{collection}': {description.get('title', '')}, {len(dates)} dates, bands {', '.join(bands)}")

    ndvi = cloud_free_ndvi(connection, collection, bands)
    faults = connection.validate_process_graph(ndvi)
    print(f"Validation: {faults or 'no faults'}")

    print("Batch job:")
    job = run_job(ndvi)
    files = job.get_results().download_files(OUTPUT)
    geotiff = next(file for file in files if Path(file).suffix == ".tif")
    with rasterio.open(geotiff) as source:
        values = source.read(1, masked=True).filled(np.nan)
        print(f"Result: {geotiff}, {source.width} x {source.height} pixels, {source.crs}")
    print(f"        NDVI from {np.nanmin(values):.2f} to {np.nanmax(values):.2f}, mean {np.nanmean(values):.2f}")

    preview = OUTPUT / "preview.png"
    scaled = ndvi.linear_scale_range(input_min=0, input_max=1, output_min=0, output_max=255)
    scaled.download(preview, format="PNG")
    with Image.open(preview) as picture:
        print(f"Synchronous preview: {preview}, {picture.width} x {picture.height}")

    style = {"rescale": [0, 1], "colormap": "rdylgn"}
    stored = connection.load_collection(job.job_id)
    graphs = {"stored result": stored.flat_graph(), "on demand": ndvi.flat_graph()}

    def publish(kind: str, of: str) -> Any:
        title = f"Cloud-free NDVI, {of}"
        return connection.create_service(graphs[of], type=kind, title=title, configuration=style)

    xyz, wmts, wms = publish("XYZ", "stored result"), publish("WMTS", "on demand"), publish("WMS", "on demand")
    picture_url = xyz_picture(connection, xyz.service_id)
    with urllib.request.urlopen(picture_url) as response:
        (OUTPUT / "map.png").write_bytes(response.read())
    print(f"Picture of the map: {OUTPUT / 'map.png'}")
    print("Add these to QGIS or a web map:")
    for service in (xyz, wmts, wms):
        info = service.describe_service()
        print(f"  {info['type']:<5} {info['url']}")
    print(f"Look at the map:  {URL}/viewer/{xyz.service_id}")
    print(f"The result as OGC API:  {URL}/oapi/collections/{job.job_id}")


def xyz_picture(connection: openeo.Connection, service_id: str) -> str:
    """Address of one picture of the whole map."""
    return f"{URL}/tiles/{service_id}/preview.png"


if __name__ == "__main__":
    main()
