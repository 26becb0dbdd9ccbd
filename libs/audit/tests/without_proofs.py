"""Proofs of records that have none."""

from __future__ import annotations

from queuebit_audit.records import Root

__all__ = ["NoProofs"]


class NoProofs:
    """Fails a test that asks for a proof."""

    def seal(self, *_: object) -> str | None:
        raise AssertionError("these records have no seal")

    def rotation(self, *_: object) -> str | None:
        raise AssertionError("these records have no change of keys")

    def head(self, checkpoint: str) -> Root | str:
        raise AssertionError("these records have no checkpoint")
