import asyncio

import pytest

from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import OpenEOError
from services.gate import Gate, Gates, Limits


def never():
    return asyncio.get_running_loop().create_future()


async def hold(gate, until, gone=None):
    async with gate.admitted(gone or never()):
        await until.wait()


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


def test_so_many_run_and_the_next_goes_when_one_leaves():
    async def story():
        gate, ends = Gate(Limits(2)), [asyncio.Event() for _ in range(3)]
        tasks = [asyncio.create_task(hold(gate, end)) for end in ends]
        await settled()
        assert len(gate._line) == 1
        ends[0].set()
        await tasks[0]
        assert len(gate._line) == 0
        assert not gate.idle
        ends[1].set()
        ends[2].set()
        await asyncio.gather(*tasks)
        assert gate.idle

    asyncio.run(story())


def test_who_waits_too_long_is_turned_away():
    async def story():
        gate, end = Gate(Limits(1, wait_s=0.01)), asyncio.Event()
        task = asyncio.create_task(hold(gate, end))
        await settled()
        with pytest.raises(OpenEOError) as caught:
            await hold(gate, end)
        assert caught.value.code == "TooManyRequests"
        end.set()
        await task
        assert gate.idle

    asyncio.run(story())


def test_who_finds_the_line_full_is_turned_away_at_once():
    async def story():
        gate, end = Gate(Limits(1, waiting=0)), asyncio.Event()
        task = asyncio.create_task(hold(gate, end))
        await settled()
        with pytest.raises(OpenEOError):
            await hold(gate, end)
        end.set()
        await task

    asyncio.run(story())


def test_who_leaves_the_line_gives_up_the_place():
    async def story():
        gate, end, gone = Gate(Limits(1)), asyncio.Event(), never()
        first = asyncio.create_task(hold(gate, end))
        await settled()
        second = asyncio.create_task(hold(gate, end, gone))
        await settled()
        gone.set_result(None)
        with pytest.raises(Canceled):
            await second
        assert not gate._line
        end.set()
        await first
        assert gate.idle

    asyncio.run(story())


def test_a_canceled_wait_leaves_no_place_taken():
    async def story():
        gate, end = Gate(Limits(1)), asyncio.Event()
        first = asyncio.create_task(hold(gate, end))
        await settled()
        second = asyncio.create_task(hold(gate, end))
        await settled()
        second.cancel()
        await settled()
        end.set()
        await first
        assert gate.idle

    asyncio.run(story())


def test_the_rate_holds_over_time():
    async def story():
        now = [0.0]
        gate, end = Gate(Limits(100, rate_per_s=2), lambda: now[0]), asyncio.Event()
        end.set()
        for _ in range(4):  # twice the rate at once
            await hold(gate, end)
        with pytest.raises(OpenEOError) as caught:
            await hold(gate, end)
        assert caught.value.details["retry_after_s"] == 1
        now[0] = 1.0
        await hold(gate, end)
        await hold(gate, end)
        with pytest.raises(OpenEOError):
            await hold(gate, end)

    asyncio.run(story())


def test_every_service_has_a_gate_of_its_own():
    gates = Gates(Limits(1))
    assert gates.of("a") is gates.of("a")
    assert gates.of("a") is not gates.of("b")
