"""Builds the service."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from importlib.metadata import version

from queuebit_kernel import SystemClock
from queuebit_proof import SALT_BYTES, ProofFault
from queuebit_provenance.adapters import JetStreamSeals, names_losses, publish_trust
from queuebit_provenance.errors import LogRefused
from queuebit_provenance.handlers import AttestJob
from queuebit_provenance.histories import JetStreamHistories
from queuebit_provenance.keys import changes_in, folder_of, open_keys, record_changes
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.receipts import IssueReceipt
from queuebit_provenance.routes import queries, routes
from queuebit_provenance.sealer import Sealer
from queuebit_provenance.settings import Settings
from queuebit_provenance.user_statements import GiveLeaf
from queuebit_provenance.witnesses import AskWitnesses, addresses_in, post
from queuebit_runtime.paced import Paced
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings

__all__ = ["create_app"]

_SOFTWARE = f"queuebit {version('queuebit-provenance')}"


def create_app(settings: Settings | None = None, bus: BusSettings | None = None) -> Service:
    """Build the service.

    Raises:
        ValueError: the settings, the keys or the published trust document cannot be used; the text says why.
    """
    settings = settings or Settings()
    service = Service("provenance", bus or BusSettings())
    clock = SystemClock()
    try:
        keys = open_keys(settings, clock, os.environ)
        trust = publish_trust(keys.trust, settings.trust_file)
        changes = changes_in(folder_of(settings), keys.trust)
        addresses = addresses_in(settings.witnesses_file)
    except (ProofFault, OSError) as error:
        raise ValueError(str(error)) from error
    seals = JetStreamSeals(service.bus)
    ledger = Ledger(
        service.log,
        seals,
        keys=keys,
        trust=trust,
        folder=settings.data_dir / "log",
        name=settings.log_name,
        clock=clock,
        losses_known=names_losses(settings.recovered_file),
    )
    sealer = Sealer(ledger, Paced(clock, most=settings.max_batch, linger_s=settings.linger_ms / 1000))
    histories = JetStreamHistories(service.bus, service.log, Paced(clock, most=64, linger_s=0.1))
    attest = AttestJob(histories, sealer, salt=lambda: secrets.token_bytes(SALT_BYTES), software=_SOFTWARE)

    async def load() -> None:
        with suppress(LogRefused):  # reported by health; every delivery tries again
            await ledger.load()
            await record_changes(ledger, changes)

    service.include(routes(attest, workers=settings.max_batch + settings.max_batch // 4))
    witnesses = AskWitnesses(
        ledger,
        addresses,
        trust=trust,
        file=settings.data_dir / "cosigned",
        every_s=settings.witness_seconds,
        post=post,
    )
    receipt = IssueReceipt(service.log, seals, ledger, keys=keys, trust=trust, witnessed=lambda: witnesses.newest)
    leaf = GiveLeaf(service.log, seals, ledger, sealer, name=settings.log_name, trust=trust)
    service.include(queries(receipt, leaf, service.counted()))
    service.before.append(load)
    service.work += [histories.run, sealer.run, witnesses.run]
    service.trouble = lambda: ledger.trouble
    service.detail = lambda: {"leaves": ledger.size, "sealed": sealer.sealed, "waiting": sealer.waiting}
    service.metrics.gauge("queuebit_proof_leaves", "Entries of the transparency log.", lambda: ledger.size)
    service.metrics.gauge("queuebit_seals_waiting", "Jobs whose seal is not stored yet.", lambda: sealer.waiting)
    return service
