"""The document `alerts`: what is refused, with its line and what to write instead."""

from __future__ import annotations

import pytest

from queuebit_documents.errors import BadDocuments
from queuebit_gitops.documents import Source, normal, parse
from queuebit_gitops.kinds import KINDS

GOOD = """\
[receiver.ann]
kind = "pagerduty"
secret = "ann"

[rotation.primary]
members = ["ann"]
starts = 2026-11-30T09:00:00Z

[route.pages]
match = { severity = "page" }
rotation = "primary"
"""


def problems(text: str, name: str = "alerts.toml") -> list[str]:
    try:
        normal(KINDS["alerts"], [parse(Source("alerts", name, text))])
    except BadDocuments as error:
        return [str(it) for it in error.problems]
    return []


def test_a_good_one_is_taken_with_its_defaults() -> None:
    document = normal(KINDS["alerts"], [parse(Source("alerts", "alerts.toml", GOOD))])
    assert document["rotation"]["primary"]["escalate_minutes"] == 15
    assert document["rotation"]["primary"]["starts"] == "2026-11-30T09:00:00Z"


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ('secret = "ann"', "", "alerts.toml:1: receiver ann needs secret: the name of a file in secrets/alerts/"),
        ('kind = "pagerduty"', 'kind = "sms"', "alerts.toml:2: receiver.ann.kind must be 'alertmanager'"),
        ('members = ["ann"]', 'members = ["eve"]', "alerts.toml:6: rotation.primary.members names the receiver eve"),
        ('rotation = "primary"', 'rotation = "night"', "alerts.toml:11: route.pages.rotation names night, and the ro"),
        ('rotation = "primary"', "", "alerts.toml:9: route pages notifies no receiver: give receivers or a rotation"),
        ("starts = 2026", "starts_at = 2026", "alerts.toml:7: rotation.primary.starts_at is not a key here: did you"),
        ('secret = "ann"', 'secret = "../broker.seed"', "alerts.toml:3: receiver.ann.secret"),
        ("2026-11-30T09:00:00Z", "2026-11-30T09:00:00", "alerts.toml:7: rotation.primary.starts"),
    ],
)
def test_a_broken_one_is_refused_with_its_line(line: str, instead: str, said: str) -> None:
    found = problems(GOOD.replace(line, instead))
    assert any(it.startswith(said) for it in found), found


def test_a_window_has_one_kind_of_times() -> None:
    (found,) = problems('[window.work]\ndaily = "00:45:00"\n')
    assert found.startswith("alerts.toml:1: window.work is wrong: give either starts and ends, or daily and minutes")


def test_it_may_be_yaml() -> None:
    text = "route:\n  all:\n    receivers: [eve]\n"
    (found,) = problems(text, "alerts.yaml")
    assert found.startswith("alerts.yaml:3: route.all.receivers names the receiver eve, and the receivers are: none")
