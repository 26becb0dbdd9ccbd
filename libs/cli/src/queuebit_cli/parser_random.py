"""The grammar of `qb random`."""

from __future__ import annotations

from queuebit_cli.grammar import Group, seconds, whole

__all__ = ["random_commands"]

_ANYWHERE = "a quantum device; default: as for `qb submit`, whose simulators make pseudo-random bits"


def random_commands(words: Group) -> None:
    """Random bits from measured qubits."""
    random = words.command("random", "random_bits:random", "random bits from measured qubits, as hex", client=True)
    random.add_argument("--bits", type=whole, required=True, metavar="N", help="how many, up to 100,000")
    random.add_argument("--backend", metavar="B", help=_ANYWHERE)
    random.add_argument("--qubits", type=whole, default=8, metavar="N", help="measured in each shot, up to 32 (8)")
    text = "at most 2^-N from uniform if the estimate of the entropy holds, from 32 to 256 (64)"
    random.add_argument("--security", type=whole, default=64, metavar="N", help=text)
    random.add_argument("--output", metavar="FILE", help="write the bits there, for you alone, instead of printing")
    random.add_argument("--record", metavar="FILE", help="write where they come from, as JSON, without the bits")
    random.add_argument("--project", metavar="P", help="the project that pays (the credential's project)")
    random.add_argument("--max-cost", metavar="1.50", help="refuse the job if it could cost more")
    random.add_argument("--key", metavar="K", help="idempotency key: the same key is the same job (a new one)")
    random.add_argument("--tag", action="append", default=[], metavar="T", help="name for the bill; may be repeated")
    random.add_argument("--timeout", type=seconds, metavar="S", help="wait no longer; the job continues")
