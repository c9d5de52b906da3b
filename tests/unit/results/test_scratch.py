from __future__ import annotations

import os
import time

import pytest

from openeo_plugin.results.scratch import scratch_folder, scratch_of, sweep


def _fail_in(data_dir):
    with scratch_folder(data_dir) as folder:
        (folder / "file").write_text("x")
        raise RuntimeError


def test_a_scratch_folder_is_gone_whatever_happened(tmp_path):
    with pytest.raises(RuntimeError):
        _fail_in(tmp_path)
    assert list(scratch_of(tmp_path).iterdir()) == []


def test_what_dead_servers_left_is_swept_and_what_is_in_use_is_not(tmp_path):
    for name, age_s in (("result-old", 1000), ("result-new", 10), ("other", 1000)):
        folder = scratch_of(tmp_path) / name
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
        os.utime(folder, (time.time() - age_s,) * 2)

    assert sweep(tmp_path, older_than_s=500) == 1
    assert sorted(folder.name for folder in scratch_of(tmp_path).iterdir()) == ["other", "result-new"]


def test_there_need_not_be_anything_to_sweep(tmp_path):
    assert sweep(tmp_path / "none", 0) == 0
