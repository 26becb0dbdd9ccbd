"""Asking a process how it is must survive whatever that process does meanwhile."""

from __future__ import annotations

import socket
import threading

import pytest

from queuebit_stack.probe import look


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1", b"HTTP/1.1 200 OK\r\n\r\n{", b"\xff\x00 \xfe \r\n"])
def test_a_process_that_dies_while_it_answers_is_unhealthy_and_no_error(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def die_answering() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(answer)
            connection.close()

        dying = threading.Thread(target=die_answering)
        dying.start()
        seen = look(server.getsockname()[1])
        dying.join()
    assert seen.answered == answer.startswith(b"HTTP/1.1 200")
