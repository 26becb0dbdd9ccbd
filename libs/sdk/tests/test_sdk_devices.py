"""A backend with its calibration, and the annotations of a program, as a client reads them from the log."""

from __future__ import annotations

import json

import pytest

from queuebit import AsyncClient, Batch, Credential, NotFound
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered, Calibration, Registration
from queuebit_kernel import digest
from queuebit_runtime.payloads import describe

from .fake_bus import BELL, NOW, FakeBus

SNAPSHOT = json.dumps({"dt_s": 1e-9, "errors": {"cz": {"0 1": 0.01}}, "padding": "x" * 20_000}).encode()


def registered(kind: str) -> BackendRegistered:
    data = Registration(backend="torino", stack="ibm", vendor="IBM", kind=kind, qubits=2, max_shots=10, gates=("cz",))
    return BackendRegistered(source="qb/executor-ibm", data=data)


async def test_a_device_is_read_with_its_newest_calibration(ann: Credential) -> None:
    bus = FakeBus()
    snapshot = describe(SNAPSHOT, "application/json")
    bus.chunks[f"$KV.PAYLOADS.queuebit.{snapshot.digest.removeprefix('sha256:')}.0"] = SNAPSHOT
    calibration = Calibration(backend="torino", calibrated_at=NOW, snapshot=snapshot, digest=digest(b"values"))
    bus.keep(registered("emulated"))
    bus.keep(BackendCalibrated(source="qb/executor-ibm", data=calibration))
    async with AsyncClient(ann, transport=bus) as client:
        device = await client.device("torino")
    assert (device.gates, device.qubits, device.digest) == (("cz",), 2, digest(b"values"))
    assert device.calibration is not None
    assert device.calibration["errors"] == {"cz": {"0 1": 0.01}}


async def test_a_simulator_has_no_calibration_and_unknown_backends_are_named(ann: Credential) -> None:
    bus = FakeBus()
    bus.keep(registered("simulator"))
    async with AsyncClient(ann, transport=bus) as client:
        assert (await client.device("torino")).calibration is None
        with pytest.raises(NotFound, match="there is no backend sherbrooke: `qb backends`"):
            await client.device("sherbrooke")


async def test_annotations_are_read_by_another_client(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(Batch([BELL, BELL], annotations={"mine": 1}))
        single = await client.submit(BELL)
    async with AsyncClient(ann, transport=bus) as other:
        assert await other.job(job.id).annotations() == {"mine": 1}
        assert await other.job(single.id).annotations() == {}
        with pytest.raises(NotFound, match="acme has no job"):
            await other.job("j" * 21).annotations()
