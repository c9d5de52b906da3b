"""The official cases of every implemented process pass, but those that are wrong themselves."""

from __future__ import annotations

import pytest
from conformance import official
from conformance.cluster import WINDOW_PX, CubeCluster
from conformance.cubes import in_windows
from conformance.defective import DEFECTIVE
from conformance.runner import cases, gives_cube, run

from openeo_plugin.processes.registry import predefined


@pytest.mark.parametrize("process_id", sorted(predefined()))
def test_the_official_cases_of_a_process_pass(process_id: str) -> None:
    official.require()
    outcomes = [run(case) for case in cases(process_id)]
    failed = {o.case.id: o.why for o in outcomes if o.why is not None and o.case.id not in DEFECTIVE}
    assert not failed, "\n".join(f"{key}: {why}" for key, why in failed.items())


@pytest.mark.parametrize("process_id", sorted(predefined()))
def test_only_cases_that_fail_are_called_defective(process_id: str) -> None:
    official.require()
    outcomes = [run(case) for case in cases(process_id)]
    assert not [o.case.id for o in outcomes if o.why is None and o.case.id in DEFECTIVE]


@pytest.mark.parametrize("process_id", sorted(predefined()))
def test_cubes_cut_into_windows_give_what_they_give_at_once(process_id: str) -> None:
    official.require()
    for case in filter(gives_cube, cases(process_id)):
        assert run(case, lambda cube: in_windows(cube, WINDOW_PX)) == run(case)


@pytest.mark.parametrize("process_id", sorted(predefined()))
def test_cubes_computed_by_dask_workers_are_what_they_are_here(process_id: str, cluster: CubeCluster) -> None:
    official.require()
    for case in filter(gives_cube, cases(process_id)):
        assert run(case, cluster.of(case)) == run(case)
