"""Choosing where to listen."""

import os
import socket
from collections.abc import Iterator

import pytest

from queuebit_stack import ports
from queuebit_stack.errors import Exit, Stop


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_taken_port_is_named_with_its_holder_and_the_way_out(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "DEFAULTS", {"broker": taken})
    with pytest.raises(Stop) as caught:
        ports.fixed()
    text = str(caught.value)
    assert f"port {taken} (broker)" in text
    assert f"process {os.getpid()}" in text
    assert "--ports auto" in text
    assert caught.value.code is Exit.UNREACHABLE


def test_free_ports_are_all_different_and_kept_for_the_next_time(taken: int) -> None:
    first = ports.auto({})
    assert len(set(first.values())) == len(ports.DEFAULTS)
    assert all(ports.is_free(port) for port in first.values())
    assert ports.auto(first) == first
    assert ports.auto({**first, "broker": taken})["broker"] != taken


def test_a_home_keeps_its_ports_unless_others_are_wished_for(taken: int) -> None:
    had = ports.auto({})
    assert ports.choose(None, had) == had
    assert ports.choose("auto", had) == had
    command = "`qb up --ports auto --home /srv/qb`"
    with pytest.raises(Stop, match=f"port {taken} .*\n.*choose free ports: {command}"):  # a home does not move silently
        ports.choose(None, {**had, "broker": taken}, command)


def test_a_request_for_the_usual_ports_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = ports.auto({})
    monkeypatch.setattr(ports, "DEFAULTS", usual)
    assert ports.choose("default", dict.fromkeys(usual, 1)) == usual
    assert ports.choose(None, {}) == usual


def test_no_two_processes_have_the_same_fixed_port() -> None:
    assert len(set(ports.DEFAULTS.values())) == len(ports.DEFAULTS)
