"""What this library refuses, in words a submitter can act on."""

from __future__ import annotations

__all__ = ["CircuitError", "DoesNotFit", "UnknownBackend"]


class CircuitError(ValueError):
    """A source that cannot become a circuit.

    Attributes:
        message: What is wrong, and where the fix is not obvious, what to do.
        line: 1-based line of the fault; None when the source as a whole is at fault.
        column: 1-based column of the fault; None when the source as a whole is at fault.
        expected: What would have been accepted there; empty when there is no short answer.
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
        super().__init__(message, line, column, expected, code)
        self.message = message
        self.line = line
        self.column = column
        self.expected = expected
        self.code = code

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}, column {self.column}: "
        hint = f" (expected {self.expected})" if self.expected else ""
        return f"{where}{self.message}{hint}"


class UnknownBackend(LookupError):
    """No backend goes by this id."""

    def __str__(self) -> str:
        return str(self.args[0])


class DoesNotFit(ValueError):
    """A circuit or a number of shots that this backend cannot take; the text lists every reason."""
