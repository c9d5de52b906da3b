"""What a run keeps: windows and partials of folds come back as they were; what can't be used is computed again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import SpatialDimension
from openeo_plugin.cube.grid import Window, tiled
from openeo_plugin.cube.pixels import Block, Mask, Pixels
from openeo_plugin.engine import kept_partials
from openeo_plugin.engine.barrier import Once, folded, window_requests
from openeo_plugin.engine.kept_partials import packed, unpacked
from openeo_plugin.engine.kept_windows import KeptWindows, kept_places
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.pool import Progress
from openeo_plugin.engine.run import RunOptions, run
from openeo_plugin.engine.salvage import MOST_UNREADABLE
from openeo_plugin.errors import OpenEOError

GRID = GeoBox((600, 800), Affine(10, 0, 500_000, 0, -10, 5_000_000), "EPSG:32632")
CUBE = CubeDescription(
    (SpatialDimension("y", "y"), SpatialDimension("x", "x")), GRID, (Band("b", np.dtype("int32")),), block=(256, 256)
)


@dataclass(eq=False)
class Numbers:
    """Pixels that tell where they lie. `holes` (row, column) can't be read; so many windows were asked for."""

    description: CubeDescription = CUBE
    node: str = "numbers"
    inputs: tuple[Operator, ...] = ()
    holes: tuple[tuple[int, int], ...] = ()
    asked: list[Window] = field(default_factory=list)

    def request(self, request: Request) -> tuple[Request | None, ...]:
        return ()

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        w = request.window
        self.asked.append(w)
        for row, column in self.holes:
            if w.y <= row < w.y + w.height and w.x <= column < w.x + w.width:
                raise OpenEOError("SourceUnreadable", file="a/B04.tif", window=f"row {w.y}, column {w.x}", reason="no")
        rows, columns = np.arange(w.y, w.y + w.height), np.arange(w.x, w.x + w.width)
        return Block((Pixels((1000 * rows[:, None] + columns).astype("int32")),))


@dataclass(frozen=True, eq=False)
class Part:
    request: Request
    total: float


@dataclass(eq=False)
class Sum:
    """A barrier whose outcome depends on the order in which windows are added: floats of very different size."""

    fold_input: Any
    dies_after: int | None = None
    description: CubeDescription = CUBE
    node: str = "sum"
    state: Once = field(default_factory=Once)
    partial_types: tuple[type, ...] = (Part,)
    made: list[Request] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[Operator, ...]:
        return (self.fold_input,)

    def fold_requests(self) -> list[Request]:
        return window_requests(self.fold_input, (256, 256))

    def partial(self, request: Request, block: Block) -> Part:
        if self.dies_after is not None and len(self.made) >= self.dies_after:
            raise RuntimeError("killed")
        self.made.append(request)
        return Part(request, float(block.bands[0].values.astype(np.float32).sum()) * 10.0**-request.window.x)

    def finish(self, partials: Any) -> float:
        return sum(part.total for part in partials)

    def request(self, request: Request) -> tuple[Request | None, ...]:
        return (None,)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        return Block((Pixels(np.full(request.window.shape, folded(self, context) > 0, "int32")),))


@dataclass
class Ignored:
    align: tuple[int, int] = (256, 256)

    def write(self, window: Window, block: Block) -> None:
        pass


def ignore(_: Progress) -> None:
    pass


def keep(folder: Path, **options: Any) -> KeptWindows:
    kept = KeptWindows(folder, after_s=0, **options)
    kept.belong_to("this plan")
    return kept


def go(operator: Any, kept: KeptWindows, **context: Any) -> None:
    run([(operator, Ignored())], RunOptions(threads=1), RunContext(kept=kept, **context), ignore)


# folds


def test_a_fold_goes_on_from_the_windows_it_has_and_comes_to_the_same_bit_by_bit(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(kept_partials, "EVERY_S", 0.0)
    whole = Sum(Numbers())
    go(whole, keep(tmp_path / "other"))
    first = Sum(Numbers(), dies_after=7)
    with pytest.raises(RuntimeError, match="killed"):
        go(first, keep(tmp_path / "kept"))
    second, kept = Sum(Numbers()), keep(tmp_path / "kept")
    go(second, kept)
    assert (len(first.made), len(second.made), kept.reused) == (7, 5, 7)
    assert second.state.get(None).hex() == whole.state.get(None).hex()


def test_partials_are_written_together_every_few_seconds_and_the_rest_at_the_end(tmp_path) -> None:
    go(Sum(Numbers()), keep(tmp_path / "kept"))
    assert len(list((tmp_path / "kept").glob("fold-0-*.aside"))) == 1


def test_a_fold_in_a_short_run_writes_nothing(tmp_path) -> None:
    kept = KeptWindows(tmp_path / "kept", after_s=3600)
    go(Sum(Numbers()), kept)
    assert not kept.folder.exists()


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"", lambda data: data.replace(b"Part", b"Trap")]
)
def test_a_damaged_batch_is_computed_again(tmp_path, damage) -> None:
    go(Sum(Numbers()), keep(tmp_path / "kept"))
    (batch,) = (tmp_path / "kept").glob("fold-0-*.aside")
    batch.write_bytes(damage(batch.read_bytes()))
    again = Sum(Numbers())
    go(again, keep(tmp_path / "kept"))
    assert len(again.made) == 12


def test_partials_come_back_as_they_were() -> None:
    request = window_requests(Numbers(), (256, 256))[3]
    value = {
        "text": "x", "none": None, "yes": True, "large": 2**80, "real": 0.1, "nan": float("nan"),
        "array": np.array([[1.5, np.nan]], "f4"), "empty": np.zeros((0, 3), "u2"), "scalar": np.int16(-3),
        "pixels": (Pixels(np.arange(3, dtype="u1"), 255, Mask(np.array([True, False, False]))), [1, (2,)]),
        (1, 2): Part(request, 2.5),
    }  # fmt: skip
    found = unpacked(packed({3: value}, (Part,)), (Part,), window_requests(Numbers(), (256, 256)))[3]
    assert list(found) == list(value)
    assert (found["large"], found["real"], found["text"], found["none"], found["yes"]) == (2**80, 0.1, "x", None, True)
    assert np.isnan(found["nan"])
    assert found["array"].dtype == "f4"
    np.testing.assert_array_equal(found["array"], value["array"])
    assert found["empty"].shape == (0, 3)
    assert (found["scalar"], type(found["scalar"])) == (-3, np.int16)
    assert found["pixels"][0].null().tolist() == [True, False, False]
    assert found["pixels"][1] == [1, (2,)]
    assert found[1, 2].total == 2.5
    assert found[1, 2].request.window.x == request.window.x


def test_what_has_no_plain_form_is_not_kept_and_nothing_breaks(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Sum, "partial", lambda self, request, block: Once())
    monkeypatch.setattr(Sum, "finish", lambda self, partials: 1.0)
    go(Sum(Numbers()), keep(tmp_path / "kept"))
    assert not list((tmp_path / "kept").glob("fold-*"))


# windows


def test_windows_of_another_plan_are_not_used(tmp_path) -> None:
    go(Numbers(), keep(tmp_path / "kept"))
    kept = KeptWindows(tmp_path / "kept", after_s=0)
    kept.belong_to("another plan")
    assert not kept.folder.exists()


def test_no_more_is_kept_than_a_share_of_the_free_disk(tmp_path, monkeypatch) -> None:
    """256 x 256 pixels of 4 bytes are 262144 bytes; a quarter of what is free has room for one, and a little more."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 4 * 300_000})())
    kept = keep(tmp_path / "kept")
    go(Numbers(), kept)
    assert kept.is_full
    assert len(kept_places(kept.folder)) == 2


# sources that can't be read


def test_what_can_be_read_is_kept_and_each_hole_is_told_once(tmp_path) -> None:
    told: list[OpenEOError] = []
    kept = keep(tmp_path / "kept")
    with pytest.raises(OpenEOError) as failed:
        go(Numbers(holes=((300, 300), (10, 799))), kept, on_unreadable=told.append)
    assert failed.value.code == "SourceUnreadable"
    every = {(w.y, w.x) for w in tiled(GRID, 256, 256)}
    assert {(p.y, p.x) for p in kept_places(kept.folder)} == every - {(256, 256), (0, 768)}
    assert sorted(error.details["window"] for error in told) == ["row 0, column 768", "row 256, column 256"]
    assert {error.node for error in told} == {"numbers"}


def test_a_large_window_with_a_hole_is_cut_up_so_that_little_is_missing(tmp_path) -> None:
    """With blocks of 512 windows are 512 x 512; the sink would take 256 x 256."""
    large = CubeDescription(CUBE.dimensions, GRID, CUBE.bands, block=(512, 512))
    kept = keep(tmp_path / "kept")
    with pytest.raises(OpenEOError):
        go(Numbers(large, holes=((300, 300),)), kept)
    pixels = sum(place.height * place.width for place in kept_places(kept.folder))
    assert 600 * 800 - pixels == 256 * 256


def test_windows_that_were_not_kept_before_the_fault_are_computed_again(tmp_path) -> None:
    kept = KeptWindows(tmp_path / "kept", after_s=3600)
    with pytest.raises(OpenEOError):
        go(Numbers(holes=((599, 799),)), kept)
    assert len(kept_places(kept.folder)) == 11


def test_a_missing_file_is_given_up_after_a_while(tmp_path) -> None:
    cube = Numbers(holes=tuple((row, column) for row in range(0, 600, 20) for column in range(0, 800, 20)))
    small = CubeDescription(CUBE.dimensions, GRID, CUBE.bands, block=(16, 16))
    cube.description = small
    told: list[OpenEOError] = []
    with pytest.raises(OpenEOError):
        run(
            [(cube, Ignored(align=(16, 16)))],
            RunOptions(threads=1),
            RunContext(kept=keep(tmp_path / "kept"), on_unreadable=told.append),
            ignore,
        )
    assert len(told) == MOST_UNREADABLE


def test_without_a_place_to_keep_windows_the_first_fault_ends_the_run() -> None:
    cube = Numbers(holes=((0, 0),))
    with pytest.raises(OpenEOError):
        run([(cube, Ignored())], RunOptions(threads=1), RunContext(), ignore)
    assert len(cube.asked) < 12
