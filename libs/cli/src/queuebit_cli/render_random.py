"""How random bits are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuebit_cli.output import Output

if TYPE_CHECKING:
    from queuebit.random_bits import RandomBits
    from queuebit_kernel import Money

__all__ = ["random_document", "random_lines"]


def random_document(found: RandomBits, charge: Money | None, *, printed: bool) -> dict[str, object]:
    """Bits and record for programs; without the bits if they are in a file."""
    return {
        **({"hex": found.hex} if printed else {}),
        "charge": None if charge is None else str(charge),
        "record": found.record,
    }


def random_lines(found: RandomBits, charge: Money | None, out: Output, file: str | None) -> list[str]:
    """Bits and record for people."""
    record: Any = found.record  # plain JSON
    raw, entropy, (job,) = record["raw"], record["min_entropy"], record["jobs"]
    sealed = f"leaf {job['leaf_index']}, {job['statement']}" if "leaf_index" in job else "not sealed yet"
    place = f"{len(found.bits):,} bits are written to {file}, as hex" if file else found.hex
    return [
        place,
        "",
        out.paint(record["claim"], "warn" if found.pseudo_random else ""),
        f"  {raw['bits']:,} raw bits, {raw['qubits']} in each of {raw['shots']:,} shots of {found.backend}; the health "
        "tests passed",
        f"  min-entropy {entropy['per_bit']:.3f} per raw bit, the least of {len(entropy['estimates'])} estimates "
        f"({entropy['limiting']})",
        f"  Toeplitz hash with a seed of the operating system: at most 2^-{record['extraction']['security']} from "
        "uniform, if the estimate holds",
        f"  receipt of job {found.job}: {sealed}",
        f"  charged {charge}" if charge is not None else "  the bill is not there yet",
    ]
