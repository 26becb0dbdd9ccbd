"""The errors of this library; their texts say what to change."""

from __future__ import annotations

__all__ = ["BrokenStack", "CircuitError", "DoesNotFit", "NotReachable", "UnknownBackend", "UnknownHandle"]

_MOST = 500
"""Characters of a text. Parsers quote the source, where one name may be as long as the source itself."""


class CircuitError(ValueError):
    """A source that cannot become a circuit.

    Attributes:
        message: What is wrong, and where the fix is not obvious, what to do; at most 500 characters.
        line: 1-based line of the fault; None when the source as a whole is at fault.
        column: 1-based column of the fault; None when the source as a whole is at fault.
        expected: What would have been accepted there, as short; empty when there is no short answer.
        code: For machines; never changes. One of `syntax`, `header`, `include`, `undefined`, `redefined`, `arguments`,
            `index`, `unsupported`, `parameter`, `no_measurement`, `too_large`, `too_many_operations`, `too_deep`.
    """

    def __init__(
        self,
        message: str,
        line: int | None = None,
        column: int | None = None,
        expected: str = "",
        code: str = "syntax",
    ) -> None:
        self.message = _cut(message)
        self.line = line
        self.column = column
        self.expected = _cut(expected)
        self.code = code
        super().__init__(self.message, line, column, self.expected, code)

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}, column {self.column}: "
        hint = f" (expected {self.expected})" if self.expected else ""
        return f"{where}{self.message}{hint}"


class BrokenStack(ValueError):
    """A stack is not installed, or its plugin does not work."""


class UnknownBackend(LookupError):
    """No backend goes by this id."""

    def __str__(self) -> str:
        return str(self.args[0])


class NotReachable(Exception):
    """The vendor behind a backend does not answer. The same call may succeed later."""


class UnknownHandle(LookupError):
    """The backend keeps no submission under this handle."""

    def __str__(self) -> str:
        return str(self.args[0])


class DoesNotFit(ValueError):
    """A circuit or a number of shots that this backend cannot take; the text lists every reason."""

    def __init__(self, text: str) -> None:
        super().__init__(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
