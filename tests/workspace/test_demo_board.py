"""The board of the demo is drawn by a thread of its own, while jobs are added to it."""

from __future__ import annotations

from examples.demo.show import Board, Sight


def test_a_board_that_is_being_drawn_may_gain_a_job() -> None:
    board = Board(["atlas"], 3)
    board.saw("j1", Sight("atlas", "submitted"))
    board.saw("j2", Sight("atlas", "submitted"))
    drawing = iter(board.jobs.values())
    next(drawing)
    board.saw("j3", Sight("atlas", "completed"))
    assert len([*drawing]) == 1
    assert (len(board.jobs), board.done) == (3, 1)
