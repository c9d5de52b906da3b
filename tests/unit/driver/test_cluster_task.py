"""The folder that a run shares with the workers of a cluster."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import cubes
from pydantic import SecretStr

from config.settings import Settings
from openeo_plugin.driver.cluster_task import compute_strip, fingerprint, is_held, shared_folder
from openeo_plugin.engine.plan import Origin
from openeo_plugin.engine.strips import Outcome, WindowStrip

ORIGIN = Origin({"process_graph": {}}, "ada", None)


def aged(folder: Path, age_s: float) -> None:
    then = time.time() - age_s
    os.utime(folder, (then, then))


def test_a_folder_is_there_for_its_owner_alone_while_the_run_lives_and_goes_with_it(tmp_path: Path) -> None:
    with shared_folder(Settings(data_dir=tmp_path), ORIGIN, []) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert is_held(folder)
    assert not folder.exists()


def test_the_key_that_signs_links_is_no_business_of_workers(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret_key=SecretStr("k" * 40), dask_address="tcp://10.0.0.1:8786")
    with shared_folder(settings, ORIGIN, []) as folder:
        text = (folder / "work.json").read_text()
    assert "kkkk" not in text
    assert json.loads(text)["settings"]["dask_address"] is None


def test_what_a_killed_run_has_left_goes_with_the_next_run_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    left = tmp_path / "windows" / "left"
    left.mkdir(parents=True)
    (left / "work.json").write_text("{}")
    fresh = tmp_path / "windows" / "fresh"
    fresh.mkdir()
    with shared_folder(settings, ORIGIN, []) as living:
        aged(living, 3600)
        aged(left, 3600)
        with shared_folder(settings, ORIGIN, []):
            assert living.exists()
            assert not left.exists()
            assert fresh.exists()  # it may be about to be filled


def test_a_strip_of_a_run_that_is_gone_is_not_computed(tmp_path: Path) -> None:
    strip = WindowStrip(0, (0,), (16, 16), ((0, 0, 16, 16),))
    outcome = compute_strip(str(tmp_path / "gone"), strip)
    assert (outcome.bytes_read, outcome.fault, outcome.left) == (Outcome().bytes_read, None, None)


def test_plans_with_other_cubes_have_other_fingerprints() -> None:
    first, second = cubes.nulls_and_nans(), cubes.two_times()
    assert fingerprint([first]) == fingerprint([cubes.nulls_and_nans()])
    assert fingerprint([first]) != fingerprint([second])
