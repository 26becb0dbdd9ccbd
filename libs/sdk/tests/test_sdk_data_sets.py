"""The data sets that a job names for its receipt."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit import Client, Credential, InvalidInput
from queuebit.data_sets import data_sets
from queuebit_kernel import digest

from .fake_bus import BELL, FakeBus, runs


def test_a_digest_is_given_or_taken_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "h2.csv").write_bytes(b"0.74")
    known = digest(b"other")
    found = data_sets(["h2@2026-11", f"h2@v1.2={tmp_path / 'h2.csv'}", f"lih@1={known}"])
    assert [(it.name, it.version, it.digest) for it in found] == [
        ("h2", "2026-11", None), ("h2", "v1.2", digest(b"0.74")), ("lih", "1", known),
    ]  # fmt: skip
    assert data_sets("h2@1") == data_sets(["h2@1"])


@pytest.mark.parametrize(
    ("named", "why"),
    [
        (["h2"], "names no version"),
        (["h2@"], "names no version"),
        (["h2@1 2"], "names no version"),
        (["h2@1="], "names no version"),
        (["H 2@1"], "data set"),
        (["h2@1=/no/such/file"], "cannot be read"),
        (["h2@1", "h2@1"], "named twice"),
        ([f"h2@{it}" for it in range(5)], "at most 4"),
    ],
)
def test_what_names_no_data_set_is_refused(named: list[str], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        data_sets(named)


def test_a_job_names_its_data_sets(ann: Credential) -> None:
    bus = FakeBus(runs)
    with Client(ann, transport=bus) as client:
        job = client.submit(BELL, key="k", data=["h2@2026-11"])
        submitted = job.until(("submitted",))
        assert [(it.name, it.version) for it in submitted.data.inputs] == [("h2", "2026-11")]
        again = client.submit(BELL, key="other")
        assert again.until(("submitted",)).data.inputs is None
