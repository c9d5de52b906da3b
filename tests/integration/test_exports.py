"""Batch jobs that change the STAC of their results and copy them into collections and workspaces."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import rasterio
from unit.sources.rasters import write_tif

from config.settings import Settings
from db.jobs import Job
from openeo_plugin.backend import Backend, open_backend
from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs.run import run_job
from openeo_plugin.processes.stac import merged
from openeo_plugin.sources.importing import import_folder

LOAD = {"id": "scenes", "spatial_extent": None, "temporal_extent": None}
FROM_SAVE = {"from_node": "save"}


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    for day in (11, 12):
        write_tif(tmp_path / "scenes" / f"B04_202206{day}.tif")
    opened = open_backend(Settings(data_dir=tmp_path / "data", threads=1))
    for imported in import_folder(tmp_path / "scenes", collection_id="scenes"):
        opened.collections.put(imported.document, imported.items)
    for user in ("ada", "eve"):
        opened.users.create(user, "no password fits this")
    return opened


def node(process_id: str, **arguments: Any) -> dict[str, Any]:
    return {"process_id": process_id, "arguments": arguments}


def process(format: str = "GTiff", **nodes: dict[str, Any]) -> dict[str, Any]:
    """Load, save, and what comes then; the last node is the result."""
    save = node("save_result", data={"from_node": "load"}, format=format)
    every = {"load": node("load_collection", **LOAD), "save": save, **nodes}
    last = list(every)[-1]
    return {"process_graph": {key: n | ({"result": True} if key == last else {}) for key, n in every.items()}}


def done(backend: Backend, process: dict[str, Any], user: str = "ada") -> Job:
    created = backend.jobs.create(user, process)
    backend.jobs.enqueue(created.id, user)
    claimed = backend.jobs.claim("worker-1", 30)
    assert claimed is not None
    assert claimed.id == created.id
    run_job(backend, created.id)
    return backend.jobs.find(created.id)


def finished(backend: Backend, process: dict[str, Any], user: str = "ada") -> Job:
    job = done(backend, process, user)
    assert job.status == "finished", job.error
    return job


def fault(backend: Backend, process: dict[str, Any], user: str = "ada") -> OpenEOError:
    (found,) = backend.driver.validate(process, user)
    return found


def to_collection(name: str = "mine", data: Any = FROM_SAVE) -> dict[str, Any]:
    return node("export_collection", data=data, collection=name)


def modify(changes: Any, data: Any = FROM_SAVE) -> dict[str, Any]:
    return node("stac_modify", data=data, changes=changes)


def test_a_result_becomes_a_collection_of_its_owner(backend: Backend) -> None:
    finished(backend, process(export=to_collection()))
    document = backend.collections.get("mine", "ada")
    assert document["cube:dimensions"]["t"]["values"] == ["2022-06-11T00:00:00Z", "2022-06-12T00:00:00Z"]
    with pytest.raises(OpenEOError):
        backend.collections.get("mine", "eve")


def test_the_copy_stays_when_the_job_is_deleted(backend: Backend) -> None:
    job = finished(backend, process(export=to_collection()))
    backend.jobs.delete(job.id, "ada")
    shutil.rmtree(backend.settings.results_dir / job.id)
    load = {"process_id": "load_collection", "arguments": LOAD | {"id": "mine"}, "result": True}
    plan = backend.driver.plan({"process_graph": {"l": load}}, "ada")
    assert plan.description is not None
    block = plan.read(plan.description.grid)
    assert block.bands[0].values.tolist() == [[[7] * 5] * 4] * 2


def test_a_second_result_is_added_and_the_first_one_run_again_is_not_doubled(backend: Backend) -> None:
    first = finished(backend, process(export=to_collection()))
    finished(backend, process(export=to_collection()))
    assert len(backend.collections.items("mine")) == 4
    backend.jobs.enqueue(first.id, "ada")
    assert backend.jobs.claim("worker-1", 30) is not None
    run_job(backend, first.id)
    assert len(backend.collections.items("mine")) == 4


@pytest.mark.parametrize("user", ["ada", "eve"])
def test_a_public_collection_is_not_added_to(user: str, backend: Backend) -> None:
    assert fault(backend, process(export=to_collection("scenes")), user).code == "PermissionsInsufficient"


def test_the_collection_of_another_user_is_not_added_to(backend: Backend) -> None:
    finished(backend, process(export=to_collection()), "ada")
    job = done(backend, process(export=to_collection()), "eve")
    assert job.error is not None
    assert job.error["code"] == "PermissionsInsufficient"
    assert len(backend.collections.items("mine")) == 2


@pytest.mark.parametrize("name", ["../x", "a//b", "/a", "a/", ".hidden", "a/../b", "ü"])
def test_an_id_that_could_be_a_path_elsewhere_is_refused(name: str, backend: Backend) -> None:
    assert fault(backend, process(export=to_collection(name))).code == "ProcessParameterInvalid"


def test_a_netcdf_makes_no_collection(backend: Backend) -> None:
    job = done(backend, process("netCDF", export=to_collection()))
    assert job.error is not None
    assert job.error["code"] == "FormatUnsuitable"
    assert job.error["path"] == [{"node_id": "export"}]


def test_only_the_result_that_is_named_is_exported(backend: Backend) -> None:
    second = node("save_result", data={"from_node": "load"}, format="GTiff")
    export = to_collection(data={"from_node": "second"})
    job = finished(backend, process(second=second, export=export))
    names = {Path(a["href"]).name for item in backend.collections.items("mine") for a in item["assets"].values()}
    assert len(names) == 2
    assert all(name.startswith("result-2") for name in names)
    assert len(backend.collections.get(job.id, "ada")["assets"]) == 4


def workspace(backend: Backend, *parts: str) -> Path:
    return backend.settings.data_dir.joinpath("workspaces", "ada", *parts)


def test_a_workspace_gets_a_static_catalogue_that_can_be_imported(backend: Backend) -> None:
    job = finished(backend, process(export=node("export_workspace", data=FROM_SAVE, workspace="ws")))
    folder = workspace(backend, "ws", job.id)
    (imported,) = import_folder(folder)
    assert [item["properties"]["datetime"] for item in imported.items] == [
        "2022-06-11T00:00:00Z",
        "2022-06-12T00:00:00Z",
    ]
    assert not imported.warnings
    for item in imported.items:
        for asset in item["assets"].values():
            with rasterio.open(asset["href"]) as file:
                assert file.read(1).max() == 7


def test_results_are_merged_into_the_collection_at_a_path(backend: Backend) -> None:
    export = node("export_workspace", data=FROM_SAVE, workspace="ws", merge="alps/ndvi")
    first = finished(backend, process(export=export))
    finished(backend, process(export=export))
    document = json.loads(workspace(backend, "ws", "alps", "ndvi", "collection.json").read_text())
    assert len([link for link in document["links"] if link["rel"] == "item"]) == 4
    assert document["id"] == first.id
    assert document["extent"]["temporal"]["interval"] == [["2022-06-11T00:00:00Z", "2022-06-12T00:00:00Z"]]


@pytest.mark.parametrize("merge", ["../x", "a/../../b", "/etc", "", "a\\b", "a\0b", ".", "a/.."])
def test_a_path_out_of_the_workspace_is_refused(merge: str, backend: Backend) -> None:
    export = node("export_workspace", data=FROM_SAVE, workspace="ws", merge=merge)
    assert fault(backend, process(export=export)).code == "ProcessParameterInvalid"


@pytest.mark.parametrize("name", ["..", ".", "a/b", ""])
def test_a_workspace_is_a_plain_name(name: str, backend: Backend) -> None:
    export = node("export_workspace", data=FROM_SAVE, workspace=name)
    assert fault(backend, process(export=export)).code == "ProcessParameterInvalid"


def test_changes_stand_in_the_result_and_in_the_copy_made_after_them(backend: Backend) -> None:
    before = to_collection("before")
    change = modify({"title": "New", "keywords": ["a"], "mission": {"x": 1}})
    job = finished(backend, process(b=before, change=change, after=to_collection("after", {"from_node": "change"})))
    document = backend.collections.get(job.id, "ada")
    assert (document["title"], document["keywords"], document["mission"]) == ("New", ["a"], {"x": 1})
    assert backend.collections.get("after", "ada")["title"] == "New"
    assert backend.collections.get("before", "ada")["title"] == f"Result of job {job.id}"


@pytest.mark.parametrize(
    "changes", [{"id": "x"}, {"links": []}, {"assets": None}, {"extent": {}}, {"title": 1}, {"license": None},
                {"keywords": [1]}, {"providers": [{}]}, {"openeo:exported": True}]
)  # fmt: skip
def test_what_the_files_say_can_not_be_changed(changes: Any, backend: Backend) -> None:
    assert fault(backend, process(change=modify(changes))).code == "ProcessParameterInvalid"


def test_any_stac_given_as_json_is_merged(backend: Backend) -> None:
    item = {"type": "Feature", "stac_version": "1.1.0", "id": "a", "properties": {"x": 1, "y": 2}, "links": [1]}
    call = modify({"id": "b", "properties": {"x": None, "z": [None]}, "links": []}, item)
    plan = backend.driver.plan({"process_graph": {"c": call | {"result": True}}}, "ada")
    assert plan.value == {**item, "id": "b", "properties": {"y": 2, "z": [None]}, "links": []}


@pytest.mark.parametrize("data", [{}, {"type": "FeatureCollection"}, {"type": "Feature", "id": "no version"}])
def test_what_is_no_stac_is_not_changed(data: Any, backend: Backend) -> None:
    call = modify({"id": "b"}, data)
    assert fault(backend, {"process_graph": {"c": call | {"result": True}}}).code == "ProcessParameterInvalid"


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # appendix A of RFC 7386
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_works_as_the_standard_shows(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


def test_exports_are_refused_where_nothing_is_kept(backend: Backend) -> None:
    plan = backend.driver.plan(process(export=to_collection()), "ada")
    with pytest.raises(OpenEOError) as raised:
        plan.refuse_exports()
    assert (raised.value.code, raised.value.node) == ("ProcessGraphInvalid", "export")
