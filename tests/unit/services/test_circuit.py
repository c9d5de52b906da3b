import pytest

from services.circuit import Circuit


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def test_what_answers_may_always_be_asked(clock):
    circuit = Circuit(5, clock)
    for _ in range(3):
        assert circuit.may_ask()
        circuit.answered()


def test_what_failed_is_left_alone_for_the_pause(clock):
    circuit = Circuit(5, clock)
    circuit.failed()
    clock.now_s = 4.9
    assert not circuit.may_ask()
    clock.now_s = 5.0
    assert circuit.may_ask()


def test_after_the_pause_one_asks_and_the_others_go_on_without(clock):
    circuit = Circuit(5, clock)
    circuit.failed()
    clock.now_s = 6
    assert [circuit.may_ask() for _ in range(3)] == [True, False, False]
    circuit.answered()
    assert circuit.may_ask()


def test_who_asked_and_never_told_holds_the_others_up_for_one_pause(clock):
    circuit = Circuit(5, clock)
    circuit.failed()
    clock.now_s = 6
    assert circuit.may_ask()
    clock.now_s = 11
    assert circuit.may_ask()
