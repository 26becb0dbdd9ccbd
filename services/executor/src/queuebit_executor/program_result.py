"""What the items of a program come to together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from queuebit_contracts.job import Compilation, ItemSummary, Usage
from queuebit_contracts.results import RESULTS, ItemResult, results_of
from queuebit_contracts.usage import QPU_TIME, QUBITS, SHOTS, quantities
from queuebit_contracts.wire import Digest, Reason
from queuebit_executor.finished import Finished
from queuebit_executor.ports import ItemWork
from queuebit_quantum import joined_digest

__all__ = ["MAX_RESULT_BYTES", "SPLIT", "ProgramResult", "failed_item"]

MAX_RESULT_BYTES = 16 << 20
"""The largest result of a program; the items that would come after it have none."""

SPLIT = "split the program into several jobs"
"""What a reason of an item tells the user to do."""


class ProgramResult:
    """The results of items, in their order, and the sums over them."""

    def __init__(self, works: Iterable[ItemWork] = ()) -> None:
        """Prepare for the items of a program."""
        works = tuple(works)
        self._asked = tuple(it.counted_shots for it in works)
        self._expected = tuple(it.item.expected for it in works)
        self._results: list[bytes] = []
        self._size = 0
        self._compilations: list[Compilation] = []
        self._reasons: list[Reason] = []
        self._suspect: list[Reason] = []
        self._post: tuple[str, ...] | None = None
        self.shots = self.used_us = self.qubits = 0

    @property
    def any_ran(self) -> bool:
        """Whether any circuit was run."""
        return bool(self._compilations)

    @property
    def all_failed(self) -> bool:
        return len(self._reasons) == len(self._results)

    def too_large(self) -> Reason | None:
        """Why no further item has a result."""
        if self._size <= MAX_RESULT_BYTES:
            return None
        text = f"the results before it fill {MAX_RESULT_BYTES:,} bytes: {SPLIT}"
        return Reason(code="result_too_large", text=text)

    def keep(self, result: ItemResult) -> None:
        """Add the next item."""
        content = result.content()
        self._results.append(content)
        self._size += len(content)
        self._compilations += result.compilations
        if result.post:
            self._post = tuple(it.step for it in result.post)
        used = quantities(result.usage)
        self.used_us += int(used.get(QPU_TIME, 0))
        self.shots += int(used.get(SHOTS, 0))
        self.qubits = max(self.qubits, int(used.get(QUBITS, 0)))
        if result.reason is not None:
            self._reasons.append(result.reason)
        elif result.suspect is not None:
            self._suspect.append(result.suspect)

    def finished(self, usage: Usage, calibration: Digest | None, suspect: Reason | None = None) -> Finished:
        """The result of the job; `suspect` where an item may be wrong for a reason that it does not have itself."""
        total, failed = len(self._results), len(self._reasons)
        return Finished(
            content=results_of(self._results),
            media_type=RESULTS,
            items=ItemSummary(total=total, completed=total - failed, failed=failed),
            asked=self._asked,
            expected=self._expected,
            usage=usage,
            compilation=_joined(self._compilations) if self._compilations else None,
            calibration=calibration,
            reason=_overall(self._reasons) if self.all_failed else None,
            suspect=suspect or (self._suspect[0] if self._suspect else None),
            post=self._post,
        )


def failed_item(reason: Reason, usage: Usage | None = None) -> ItemResult:
    """An item without a result."""
    return ItemResult(state="failed", reason=reason, usage=usage or Usage())


def _overall(reasons: Sequence[Reason]) -> Reason:
    """Why a job failed whose items all did: in the words of the first, by its code where all have the same."""
    first = reasons[0]
    if len(reasons) == 1:
        return first
    code = first.code if len({reason.code for reason in reasons}) == 1 else "items_failed"
    return Reason(code=code, text=f"all {len(reasons):,} items failed; the first: {first.text}")


def _folded(compilation: Compilation) -> bool:
    """Whether its gates are repeated, so that its noise is larger on purpose."""
    return compilation.options is not None and (compilation.options.folding or 1) > 1


def _joined(compilations: Sequence[Compilation]) -> Compilation:
    options = compilations[0].options
    of_one = {"copy_number": None, "twirling_seed": None, "folding": None}
    shared = None if options is None else options.model_copy(update=of_one)
    esps = [it.esp_ppm for it in compilations if it.esp_ppm is not None and not _folded(it)]
    return compilations[0].model_copy(
        update={
            "circuit": joined_digest([it.circuit for it in compilations]),
            "compiled": joined_digest([it.compiled for it in compilations]),
            "depth": max(it.depth for it in compilations),
            "two_qubit_gates": sum(it.two_qubit_gates for it in compilations),
            "duration_ns": sum(it.duration_ns for it in compilations),
            "esp_ppm": min(esps) if esps else None,
            "options": shared if shared and shared.model_dump(exclude_none=True) else None,
        }
    )
