"""The project's own cubes, after each of its own steps, computed by Dask workers: the same pixels, bit for bit."""

from __future__ import annotations

import cubes
import pytest
from conformance.cluster import CubeCluster, no_seams, of_step

WINDOW_PX = (17, 23)
STEPS = no_seams().STEPS


@pytest.mark.parametrize("place", range(len(STEPS)), ids=lambda i: STEPS[i].__name__)
def test_dask_workers_compute_the_pixels_that_this_process_computes(place: int, cluster: CubeCluster) -> None:
    # every step with one of the cubes, in turn: the first that it fits
    count = len(cubes.FACTORIES)
    for factory in ((place + i) % count for i in range(count)):
        cube = of_step(factory, place)
        if cube is not None:
            block = cluster.block(("step", factory, place), cube, WINDOW_PX)
            for made, expected in zip(block.bands, cubes.computed(cube, exact=False).bands, strict=True):
                no_seams().same_pixels(made, expected)
            return
    raise AssertionError("the step fits no cube")
