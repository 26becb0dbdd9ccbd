"""The policy that places is one of this version."""

import pytest
from pydantic import ValidationError

from queuebit_scheduler.settings import Settings


def test_a_policy_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().policy == ""
    monkeypatch.setenv("QUEUEBIT_SCHEDULER_POLICY", "fair-share/3")
    assert Settings().policy == "fair-share/3"
    monkeypatch.setenv("QUEUEBIT_SCHEDULER_POLICY", "fair-share/999")
    with pytest.raises(
        ValidationError, match=r"there is no policy fair-share/999; there are: fair-share/3, fair-share/4"
    ):
        Settings()
