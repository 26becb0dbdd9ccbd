"""Receipts in Chromium: both signatures of each pair, altered ones, and what is loaded when a person asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from queuebit_testing.chromium import browser, findings, needs_chromium, watched

from .console_stub import EXAMPLES, STATUS, Stub, name_of, serving
from .receipts import Issued, Verdict, issued, verdicts

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.server, needs_chromium]

JOB = name_of(1)
ALONE = "one signature alone is not enough"
REASONS = {
    "good": "",
    "ed25519 bit": "the Ed25519 signature does not match: the statement was altered after signing",
    "ml-dsa-65 bit": "the ML-DSA-65 signature does not match: the statement was altered after signing",
    "no ml-dsa-65": f"the statement has no ML-DSA-65 signature by a key of queuebit.example/log: {ALONE}",
    "ml-dsa-44 cosignature bit": "the ML-DSA-44 signature does not match: the checkpoint was altered",
    "statement bit": "does not match: the statement was altered after signing",
    "other leaf": "the statement is not at the position in the log that the receipt gives",
    "ed25519 key": "has no Ed25519 signature by a key of queuebit.example/log",
    "ml-dsa-65 key": "has no ML-DSA-65 signature by a key of queuebit.example/log",
}
"""What the page says about each of `verdicts` that is shown here; the others are compared under node."""


@pytest.fixture(scope="module")
def of(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    (completed, *_) = sorted((EXAMPLES / "qb.job.completed.v1").glob("*.json"))
    digest = json.loads(completed.read_text())["data"]["result"]["digest"]
    return issued(tmp_path_factory.mktemp("keys"), JOB, digest)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with serving(Stub()) as address, browser() as chromium:
        page = chromium.new_page(base_url=address, viewport={"width": 1280, "height": 900})
        page.add_init_script("localStorage.clear()")  # each page asks for the trust document
        page.route(f"**/v1/jobs/{JOB}", lambda it: it.fulfill(json={**STATUS, "sealed": True}))
        yield page


def opened(page: Page, case: Verdict) -> None:
    """The page of the job, with this receipt and this trust document."""
    page.unroute("**/v1/trust")
    page.unroute(f"**/v1/jobs/{JOB}/receipt")
    page.route("**/v1/trust", lambda it: it.fulfill(body=case.trust, content_type="application/json"))
    page.route(f"**/v1/jobs/{JOB}/receipt", lambda it: it.fulfill(body=case.receipt, content_type="application/json"))
    page.goto(f"/console/jobs/{JOB}")


def test_both_signatures_of_a_receipt_are_verified_when_a_person_asks(page: Page, of: Issued) -> None:
    log: list[str] = []
    watched(page, log)
    asked: list[str] = []
    page.on("request", lambda it: asked.append(it.url.rpartition("/")[2]))
    good = next(verdicts(of))
    opened(page, good)
    status = page.get_by_role("status").and_(page.locator(".verdict"))
    status.get_by_text("Valid so far", exact=True).wait_for()
    assert not {"post-quantum.js", "noble-ml-dsa.js"} & {*asked}
    page.get_by_role("button", name="Verify both signatures").click()
    status.get_by_text("Valid", exact=True).wait_for()
    assert "post-quantum.js" in asked
    text = page.locator(".checks").inner_text()
    assert "signed with Ed25519 and ML-DSA-65 by queuebit.example/log" in text
    assert "signed with Ed25519 and ML-DSA-44 by queuebit.example/log" in text
    assert "All four keys were valid" in text
    assert page.locator(".checks li.good").count() == 6
    assert findings(page) == []
    assert log == []


def test_one_bit_in_a_signature_the_leaf_or_a_key_is_refused_with_its_reason(page: Page, of: Issued) -> None:
    shown: dict[str, str] = {}
    for case in verdicts(of):
        if case.name not in REASONS or case.check is None:
            continue
        opened(page, case)
        button = page.get_by_role("button", name="Verify both signatures")
        refused = page.get_by_text("Not valid", exact=True)
        button.or_(refused).first.wait_for()
        if button.count():
            button.click()
        refused.wait_for()
        last = page.locator(".checks li.bad")
        shown[case.name] = last.inner_text()
        assert last.locator("strong").inner_text() == case.check, case.name
        assert REASONS[case.name] in shown[case.name]
    assert {*shown, "good"} == {*REASONS}
