"""Budgets with windows, soft budgets, and those of workload classes and vendors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from queuebit_broker.answers import Answers
from queuebit_broker.profiles import Profiles
from queuebit_contracts.account import AccountHeld, AccountSettled, Settlement
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import JobAccepted, JobRejected
from queuebit_contracts.query import Question
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Amount

from .broker_office import Office

DAY = 86_400


@pytest.fixture
async def rich(office: Office, tenants_text: str) -> Office:
    """An office with rich accounts; a job on aer costs a cent, and so does one of 1,000 shots on cirq."""
    await office.open()
    office.clock.advance(14 * DAY)  # 15 January 2026, a Thursday
    return office


@pytest.fixture
def limit(rich: Office, tenants_text: str) -> Any:
    def set_limits(**budgets: str) -> None:
        text = tenants_text.replace("max_active_jobs = 2\n", "")
        for name, fields in budgets.items():
            text += f'\n[tenant.acme.budget."{name.replace("_", ":")}"]\n{fields}\n'
        rich.world.directory = Directory(parse_tenants(text))

    return set_limits


async def admit(office: Office, key: str, **changes: Any) -> None:
    await office.deliver(await office.submit(**{"key": key, "backend": "aer", **changes}))


async def settle(office: Office, position: int = -1) -> None:
    """Charge a hold in full, at the time of the office's clock."""
    hold = office.log.events(AccountHeld)[position].data
    end = Settlement(
        tenant="acme", account=hold.account, job=hold.job, held=hold.amount, settled=hold.amount,
        released=Amount(amount="0"),
    )  # fmt: skip
    await office.log.append(AccountSettled(source="t", time=office.clock.now(), data=end))
    await office.catch_up()


def rejections(office: Office) -> list[str]:
    return [it.text for rejected in office.log.events(JobRejected) for it in rejected.data.reasons]


async def test_a_month_frees_its_money_when_the_next_one_begins(rich: Office, limit: Any) -> None:
    limit(tenant='amount = "0.02"\nwindow = "month"')
    for key in ("k1", "k2"):
        await admit(rich, key)
        await settle(rich)
    await admit(rich, "k3")
    (text,) = rejections(rich)
    assert "budget tenant of tenant acme has 0.00 USD left" in text
    assert "or wait until Sun 1 Feb 2026, when its window, month, gives back enough" in text
    rich.clock.advance(17 * DAY)
    await admit(rich, "k4")
    assert len(rich.log.events(JobAccepted)) == 3


async def test_days_free_what_leaves_the_window(rich: Office, limit: Any) -> None:
    limit(user_ann='amount = "0.03"\nwindow = "7d"')
    for key in ("k1", "k2", "k3"):
        await admit(rich, key)
        await settle(rich)
        rich.clock.advance(2 * DAY)  # charged on the 15th, 17th and 19th
    await admit(rich, "k4")
    assert "wait until Thu 22 Jan 2026" in rejections(rich)[0]
    rich.clock.advance(DAY)  # now it is the 22nd
    await admit(rich, "k5")
    await admit(rich, "k6")
    assert len(rich.log.events(JobAccepted)) == 4
    assert "wait until Sat 24 Jan 2026" in rejections(rich)[1]


async def test_what_is_held_counts_in_every_window(rich: Office, limit: Any) -> None:
    limit(tenant='amount = "0.01"\nwindow = "1d"')
    await admit(rich, "k1")
    rich.clock.advance(40 * DAY)
    await admit(rich, "k2")
    assert "or wait for running jobs" in rejections(rich)[0]
    await settle(rich)
    await admit(rich, "k3")
    assert "wait until Wed 25 Feb 2026" in rejections(rich)[1]


async def test_a_soft_budget_counts_and_refuses_nothing(rich: Office, limit: Any) -> None:
    limit(tenant='amount = "0.01"\nsoft = true')
    for key in ("k1", "k2"):
        await admit(rich, key)
    assert [it.data.budgets for it in rich.log.events(AccountHeld)] == [("tenant",)] * 2
    assert rejections(rich) == []
    (row,) = await budget_rows(rich)
    assert (row["held"], row["left"], row["soft"]) == ("0.02", "-0.01", True)


async def test_a_workload_class_has_a_budget(rich: Office, limit: Any) -> None:
    limit(class_batch='amount = "0.01"')
    await admit(rich, "k1", workload_class="batch")
    await admit(rich, "k2", workload_class="interactive")
    await admit(rich, "k3")
    await admit(rich, "k4", workload_class="batch")
    assert [it.data.budgets for it in rich.log.events(AccountHeld)] == [("class:batch",), None, None]
    assert "budget class:batch of tenant acme has 0.00 USD left" in rejections(rich)[0]


async def test_a_job_counts_against_the_vendor_where_it_may_run(rich: Office, limit: Any) -> None:
    limit(vendor_qiskit='amount = "0.01"', vendor_google='amount = "5"')
    await admit(rich, "k1", backend=None, shots=1000)  # both cost a cent: aer comes first
    await admit(rich, "k2", backend=None, shots=1000)  # Qiskit's budget is spent
    await admit(rich, "k3")
    accepted = [it.data for it in rich.log.events(JobAccepted)]
    assert [[it.backend for it in job.candidates] for job in accepted] == [["aer"], ["cirq"]]
    assert [job.budgets for job in accepted] == [("vendor:qiskit",), ("vendor:google",)]
    (text,) = rejections(rich)
    assert "on aer, and budget vendor:qiskit of tenant acme has 0.00 USD left" in text


async def test_a_job_of_which_no_vendor_can_be_paid_names_each(rich: Office, limit: Any) -> None:
    limit(vendor_qiskit='amount = "0"', vendor_google='amount = "0.001"')
    await admit(rich, "k1", backend=None, shots=1000)
    assert [it.split("budget ")[1].split()[0] for it in rejections(rich)] == ["vendor:qiskit", "vendor:google"]


async def test_without_budgets_of_vendors_all_backends_stay_candidates(rich: Office, limit: Any) -> None:
    limit(tenant='amount = "5"')
    await admit(rich, "k1", backend=None, shots=1000)
    (job,) = rich.log.events(JobAccepted)
    assert [it.backend for it in job.data.candidates] == ["aer", "cirq"]


async def test_a_hold_that_a_crash_left_behind_keeps_the_job_at_its_vendor(rich: Office, limit: Any) -> None:
    limit(vendor_qiskit='amount = "0.01"', vendor_google='amount = "5"')
    delivery = await rich.submit(key="k1", backend=None, shots=1000)
    await rich.crash(delivery, before=JobAccepted)
    rich.restart()
    await rich.catch_up()
    await rich.deliver(delivery, redelivered=True)
    (job,) = rich.log.events(JobAccepted)
    assert [it.backend for it in job.data.candidates] == ["aer"]
    assert job.data.budgets == ("vendor:qiskit",)


async def test_balances_show_the_window_and_when_it_will_be_spent(rich: Office, limit: Any) -> None:
    limit(tenant='amount = "0.06"\nwindow = "month"')
    for key in ("k1", "k2", "k3"):
        await admit(rich, key)
        await settle(rich)
        rich.clock.advance(DAY)
    (row,) = await budget_rows(rich)
    assert [row[it] for it in ("window", "since", "spent", "left")] == ["month", "2026-01-01", "0.03", "0.03"]
    # today is the 18th: three cents in four days, so three more by the 22nd
    assert row["spent_by"] == (rich.clock.now() + timedelta(days=4)).date().isoformat()


async def test_the_balance_is_right_with_the_event_that_changes_it(rich: Office, limit: Any) -> None:
    """Answers come from the fold itself: with each event that was read, the very next answer is exact."""
    limit(tenant='amount = "5"')
    for spent, key in enumerate(("k1", "k2", "k3")):
        await admit(rich, key)
        (row,) = await budget_rows(rich)
        assert (row["held"], row["spent"]) == ("0.01", f"{spent / 100:.2f}")
        await settle(rich)
        (row,) = await budget_rows(rich)
        assert (row["held"], row["spent"]) == ("0.00", f"{(spent + 1) / 100:.2f}")
        assert row["sequence"] == len(rich.log.stored)


async def test_a_restart_from_a_snapshot_knows_the_days(rich: Office, limit: Any) -> None:
    limit(tenant='amount = "0.02"\nwindow = "7d"')
    await admit(rich, "k1")
    await settle(rich)
    encode = rich.world.freeze()
    assert encode is not None
    records, directory = [*encode()], rich.world.directory
    rich.restart()
    rich.world.thaw(records)()
    rich.world.directory = directory
    rich.follower.position = rich.world.sequence
    (row,) = await budget_rows(rich)
    assert (row["spent"], row["left"]) == ("0.01", "0.01")


async def budget_rows(office: Office) -> list[dict[str, Any]]:
    answers = Answers(office.world, Profiles(office.executors, office.world), office.tariff, office.clock, 1000)
    return [it for it in (await answers.balances("acme", Question())).rows if it["kind"] == "budget"]
