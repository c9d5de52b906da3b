import threading
from dataclasses import replace

import pytest

from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.errors import OpenEOError
from services.access import OpenServices
from services.seed_ledger import SeedLedger, new_status
from services.seed_order import SeedOrder, order_of
from services.seeding import SeedTiles, seed, tiles_of
from services.tile_files import TileFiles
from services.tile_matrix import WEB_MERCATOR_QUAD

# the pattern is 5 km x 4 km at 15.0 E, 45.1 N, in pixels of 100 m: level 11 has pixels of 76 m
ROWS = {"bands": ["row"], "rescale": [0, 254]}
LIMIT = 1000


@pytest.fixture
def open_kept(make_backend, tmp_path):
    def make(plan=None, limit_bytes=10**7, **service):
        backend = make_backend(plan, **{"configuration": ROWS, **service})
        return OpenServices(backend, TileFiles(tmp_path / "tiles", limit_bytes)).open("abc"), backend

    return make


def run(served, order, context=None, threads=1):
    notes = []
    end = seed(served, tiles_of(served, order, 20, LIMIT), notes.append, context or RunContext(), threads)
    return end, notes


def test_an_order_without_words_means_the_default_date_to_the_datas_own_pixels(open_kept):
    served, _ = open_kept()
    tiles = tiles_of(served, order_of({}), 20, LIMIT)
    assert [z for z, _, _ in tiles.areas] == list(range(12))
    assert tiles.labels == ("2020-06-21T10:00:00Z",)


def test_the_tiles_made_are_those_that_are_served_afterwards(open_kept):
    served, backend = open_kept()
    end, _ = run(served, SeedOrder(zoom=(6, 11)))
    assert (end.made, end.kept, end.failed) == (end.total, 0, 0)
    reads = len(backend.plan.reads)
    for key in tiles_of(served, SeedOrder(zoom=(6, 11)), 20, LIMIT):
        assert served.kept_tile(key.tile, None, "png")
    assert len(backend.plan.reads) == reads


def test_tiles_that_are_there_are_left_out(open_kept):
    served, backend = open_kept()
    run(served, SeedOrder(zoom=(6, 9)))
    reads = len(backend.plan.reads)
    end, _ = run(served, SeedOrder(zoom=(6, 10)))
    # one tile for each of the levels 6 to 10: no edge comes near
    assert (end.total, end.kept, end.made) == (5, 4, 1)
    assert len(backend.plan.reads) == reads + 1


def test_every_date_and_every_tile_matrix_set_may_be_asked_for(open_kept):
    served, _ = open_kept()
    assert run(served, SeedOrder(zoom=(8, 8), dates=None))[0].made == 3
    assert run(served, SeedOrder(zoom=(8, 8), dates=("2020-06-01", "2020-06-01T10:00:00Z")))[0].kept == 1
    assert run(served, SeedOrder(zoom=(0, 0), matrix_set="Native"))[0].made == 1
    assert run(served, SeedOrder(zoom=(6, 8), matrix_set="WorldCRS84Quad", image_format="webp"))[0].made == 3
    assert served.kept_tile((0, 0, 0), None, "png", "Native")
    assert served.kept_tile((6, 69, 15), None, "webp", "WorldCRS84Quad")


def test_many_threads_make_the_same_tiles(open_kept):
    served, _ = open_kept()
    end, notes = run(served, SeedOrder(zoom=(6, 12)), threads=4)
    assert (end.made, end.failed) == (end.total, 0)
    assert [note.done for note in notes] == sorted(note.done for note in notes)
    assert notes[0].percent == 0
    assert notes[-1].percent == 100


def test_only_the_area_asked_for_is_made(open_kept):
    served, _ = open_kept()
    everything = len(tiles_of(served, SeedOrder(zoom=(15, 15)), 20, LIMIT))
    # level 15 has tiles of 0.011 degrees: 15.01 E lies in column 17750 (195.01 / 0.010986), 15.012 as well
    tiles = tiles_of(served, SeedOrder(zoom=(15, 15), bbox=(15.01, 45.13, 15.012, 45.131)), 20, LIMIT)
    assert [columns for _, columns, _ in tiles.areas] == [range(17750, 17751)]
    assert len(tiles) <= 2 < everything


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (SeedOrder(zoom=(0, 25)), "zoom levels"),
        (SeedOrder(zoom=(20, 20)), "the limit is 1000"),
        (SeedOrder(matrix_set="Mars"), "tile matrix set"),
        (SeedOrder(zoom=(3, 3), matrix_set="Native"), "zoom levels"),
        (SeedOrder(bbox=(0, 0, 1, 1)), "outside"),
        (SeedOrder(dates=("1999-01-01",)), "no date"),
    ],
)
def test_an_order_that_can_not_be_met_is_refused_before_any_pixel_is_read(open_kept, order, reason):
    served, backend = open_kept()
    with pytest.raises(OpenEOError, match=reason):
        tiles_of(served, order, 20, LIMIT)
    assert backend.plan.reads == []


@pytest.mark.parametrize(
    "given",
    [
        {"zoom": "x"},
        {"zoom": [5, 3]},
        {"zoom": [-1, 3]},
        {"zoom": True},
        {"zoom": [1, 2, 3]},
        {"bbox": [1, 2, 3]},
        {"bbox": {"west": 1}},
        {"bbox": [1, 2, 1, 3]},
        {"bbox": [1, 2, 3, float("nan")]},
        {"bbox": [0, 10, 10, 0]},
        {"bbox": "everywhere"},
        {"dates": "some"},
        {"dates": [1]},
        {"tile_matrix_set": 3},
        {"format": "tif"},
        {"format": None, "speed": 3},
    ],
)
def test_an_order_of_the_wrong_form_is_refused(given):
    with pytest.raises(OpenEOError) as refused:
        order_of(given)
    assert refused.value.code == "RequestInvalid"


def test_a_box_may_be_an_object_and_cross_the_antimeridian():
    assert order_of({"bbox": {"west": 170, "south": -10, "east": -170, "north": 10}}).bbox == (170, -10, -170, 10)
    assert order_of({"zoom": 4, "dates": "all"}) == SeedOrder(zoom=(4, 4), dates=None)


def test_an_order_that_is_stopped_leaves_what_it_made(open_kept, fakes):
    context = RunContext()

    class Stopping(fakes.PositionPlan):
        def read(self, *given, **more):
            if len(self.reads) == 3:
                context.cancel.set()
            return super().read(*given, **more)

    served, _ = open_kept(Stopping())
    with pytest.raises(Canceled):
        run(served, SeedOrder(zoom=(6, 11)), context)
    end, _ = run(served, SeedOrder(zoom=(6, 11)))
    assert end.kept >= 3
    assert end.kept + end.made == end.total


def test_what_fails_is_counted_and_too_much_of_it_ends_the_order(open_kept):
    served, backend = open_kept()
    backend.plan.read = lambda *_, **__: 1 / 0
    end, _ = run(served, SeedOrder(zoom=(6, 8)))
    assert (end.failed, end.made) == (3, 0)
    assert "ZeroDivision" not in end.fault
    with pytest.raises(OpenEOError, match="failed, the first with"):
        run(served, SeedOrder(zoom=(14, 14), dates=None))


def test_a_full_cache_ends_the_order(open_kept):
    served, _ = open_kept(limit_bytes=2000)
    with pytest.raises(OpenEOError, match="no room"):
        run(served, SeedOrder(zoom=(6, 14)))


class Forgetful:
    """Keeps a tile only when it was brought some times."""

    def __init__(self, times):
        self.times, self.brought, self.there = times, {}, {}

    def get(self, key):
        return self.there.get(key)

    def has(self, key):
        return key in self.there

    def put(self, key, content):
        self.brought[key] = self.brought.get(key, 0) + 1
        if self.brought[key] >= self.times:
            self.there[key] = content

    def room_bytes(self):
        return 10**9


def test_an_order_waits_for_a_place_that_takes_nothing_for_a_moment(open_kept, monkeypatch):
    monkeypatch.setattr("services.seeding.KEEP_EVERY_S", 0)
    served, _ = open_kept()
    served.keep_tiles(Forgetful(3))
    end, _ = run(served, SeedOrder(zoom=(6, 9)))
    assert (end.made, end.failed) == (4, 0)
    assert all(served.tiles.has(key) for key in tiles_of(served, SeedOrder(zoom=(6, 9)), 20, LIMIT))


def test_a_place_that_takes_nothing_ends_the_order(open_kept, monkeypatch):
    monkeypatch.setattr("services.seeding.KEEP_EVERY_S", 0)
    served, backend = open_kept()
    served.keep_tiles(Forgetful(10**6))
    with pytest.raises(OpenEOError, match="can't be kept"):
        run(served, SeedOrder(zoom=(6, 12)))
    assert len(backend.plan.reads) <= 8


def test_an_order_that_waits_can_be_stopped(open_kept):
    context = RunContext()

    class Stopping(Forgetful):
        def put(self, key, content):
            super().put(key, content)
            context.cancel.set()

    served, _ = open_kept()
    served.keep_tiles(Stopping(10**6))
    with pytest.raises(Canceled):
        run(served, SeedOrder(zoom=(6, 12)), context)


def test_nothing_is_made_where_nothing_is_kept(open_kept):
    served, _ = open_kept(configuration={**ROWS, "cache": False})
    with pytest.raises(OpenEOError, match="not kept"):
        run(served, SeedOrder(zoom=(0, 1)))


def test_one_order_of_a_service_at_a_time(tmp_path):
    ledger, other = SeedLedger(tmp_path), SeedLedger(tmp_path)
    with ledger.held("abc"):
        with pytest.raises(OpenEOError, match="already"), other.held("abc"):
            pass
        with other.held("xyz"):
            pass
    with other.held("abc"):
        pass


def test_an_order_whose_worker_is_gone_is_known_as_interrupted(tmp_path):
    ledger = SeedLedger(tmp_path)
    assert ledger.read("abc") is None
    with ledger.held("abc"):
        ledger.write("abc", new_status(SeedOrder()))
        assert ledger.read("abc").status == "queued"
    found = ledger.read("abc")
    assert (found.status, found.order["matrix_set"]) == ("error", "WebMercatorQuad")
    assert "interrupted" in found.message


def test_a_stop_reaches_whoever_works_at_the_order_and_nobody_later(tmp_path):
    ledger, other = SeedLedger(tmp_path), SeedLedger(tmp_path)
    other.ask_to_stop("abc")
    assert not ledger.asked_to_stop("abc")
    with ledger.held("abc"):
        other.ask_to_stop("abc")
        assert ledger.asked_to_stop("abc")
    with ledger.held("abc"):
        assert not ledger.asked_to_stop("abc")


def test_a_lock_is_held_against_threads_of_the_same_process(tmp_path):
    ledger, refused = SeedLedger(tmp_path), []

    def second():
        try:
            with ledger.held("abc"):
                pass
        except OpenEOError as error:
            refused.append(error.code)

    with ledger.held("abc"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert refused == ["RequestInvalid"]


def test_an_order_that_ends_while_it_is_looked_at_is_not_taken_for_interrupted(tmp_path, monkeypatch):
    ledger = SeedLedger(tmp_path)
    ledger.write("abc", replace(new_status(SeedOrder()), status="running"))

    def ends(_):
        ledger.write("abc", replace(new_status(SeedOrder()), status="finished"))
        return False

    monkeypatch.setattr(ledger, "_is_locked", ends)
    assert ledger.read("abc").status == "finished"


def test_whoever_looks_at_an_order_keeps_nobody_from_giving_one(tmp_path):
    ledger, over = SeedLedger(tmp_path), threading.Event()
    with ledger.held("abc"):
        ledger.write("abc", new_status(SeedOrder()))

    def look():
        while not over.is_set():
            ledger.read("abc")

    onlookers = [threading.Thread(target=look) for _ in range(2)]
    for onlooker in onlookers:
        onlooker.start()
    try:
        for _ in range(300):
            with ledger.held("abc"):
                pass
    finally:
        over.set()
        for onlooker in onlookers:
            onlooker.join()


def test_more_tiles_than_len_can_tell_are_counted():
    world = SeedTiles(WEB_MERCATOR_QUAD, ((30, range(2**30), range(2**30)),), tuple(map(str, range(100))), "png")
    assert world.count == 100 * 4**30
