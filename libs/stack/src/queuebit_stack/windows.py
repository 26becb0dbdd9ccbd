"""Windows of backends, in which no job runs: planned and cancelled by the operator, through the broker."""

from __future__ import annotations

from queuebit_contracts.calendar import WindowsAnswer, WindowsRequest
from queuebit_contracts.subjects import WINDOWS_REQUEST
from queuebit_stack.connection import operator_of
from queuebit_stack.home import Home
from queuebit_stack.operator_requests import answer_to

__all__ = ["ask_windows"]


def ask_windows(home: Home, request: WindowsRequest) -> WindowsAnswer:
    """Have a broker plan windows, cancel one, or only answer with the calendar of a backend.

    Raises:
        Stop: it is refused; nothing was changed.
        Unreachable: no broker answers.
    """
    return answer_to(operator_of(home), WINDOWS_REQUEST, request, WindowsAnswer, "plan windows")
