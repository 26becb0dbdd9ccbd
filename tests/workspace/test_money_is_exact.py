"""Money is exact: modules that compute with it have no `float`, no division with `/`, and no rounded decimals."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PACKAGES = (
    "libs/pricing",
    "libs/ledger",
    "libs/billing",
    "libs/reconciliation",
    "services/metering",
)
"""All of their modules; those that do not exist yet are checked when they do."""

MODULES = (
    "contracts/src/queuebit_contracts/account.py",
    "contracts/src/queuebit_contracts/billing.py",
    "contracts/src/queuebit_contracts/budget.py",
    "contracts/src/queuebit_contracts/session.py",
    "libs/audit/src/queuebit_audit/bills.py",
    "libs/audit/src/queuebit_audit/budgets.py",
    "libs/audit/src/queuebit_audit/charges.py",
    "libs/audit/src/queuebit_audit/invoices.py",
    "libs/audit/src/queuebit_audit/ledgers.py",
    "libs/audit/src/queuebit_audit/money.py",
    "libs/audit/src/queuebit_audit/overdrafts.py",
    "libs/audit/src/queuebit_audit/tenant_usage.py",
    "libs/cli/src/queuebit_cli/commands/ledger.py",
    "libs/kernel/src/queuebit_kernel/exact.py",
    "libs/kernel/src/queuebit_kernel/money.py",
    "libs/sdk/src/queuebit/balances.py",
    "services/broker/src/queuebit_broker/account_events.py",
    "services/broker/src/queuebit_broker/accounts.py",
    "services/broker/src/queuebit_broker/announcing.py",
    "services/broker/src/queuebit_broker/budgets.py",
    "services/broker/src/queuebit_broker/funding.py",
    "services/broker/src/queuebit_broker/funds.py",
    "services/broker/src/queuebit_broker/granting.py",
    "services/broker/src/queuebit_broker/holding.py",
    "services/broker/src/queuebit_broker/money_rules.py",
    "services/broker/src/queuebit_broker/session_rules.py",
    "services/gateway/src/queuebit_gateway/money.py",
)

DRAWN = ("libs/billing/src/queuebit_billing/page.py",)
"""Modules that draw: a binary fraction is a size on the page. All else holds for them, too."""

_EXACT = "libs/kernel/src/queuebit_kernel/exact.py"
_HOLDING = "services/broker/src/queuebit_broker/holding.py"

ALLOWED = {
    ("services/broker/src/queuebit_broker/announcing.py", "_EVERY_S: Final = 1.0"): "seconds",
    ("services/broker/src/queuebit_broker/granting.py", "_EVERY_S: Final = 5.0"): "seconds",
    **dict.fromkeys(
        [
            (_EXACT, "EXACT: Final = Context(prec=120, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])"),
            (_EXACT, "_ROUNDING: Final = Context(prec=120, traps=[InvalidOperation, Overflow, DivisionByZero])"),
            (_EXACT, "exponent = EXACT.normalize(value).as_tuple().exponent"),
            (_EXACT, "return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, _ROUNDING)"),
            (_EXACT, 'return format(EXACT.normalize(value), "f") if value else "0"'),
        ],
        "the home of exact decimals",
    ),
    (_HOLDING, "_BURST_S = 0.2"): "seconds",
    (_HOLDING, "_TOGETHER_S = 0.01"): "seconds",
    (_HOLDING, "self._busy_until: dict[_Scope, float] = {}"): "seconds",
    (
        "services/metering/src/queuebit_metering/app.py",
        "bills = Bills(service.log, Paced(SystemClock(), most=settings.workers, linger_s=settings.linger_ms / 1000))",
    ): "seconds",
    (
        "libs/pricing/src/queuebit_pricing/exact.py",
        "if isinstance(value, int | float) and not isinstance(value, bool):",
    ): "it refuses binary fractions",
}
"""By module and line of source: why it is no money."""


def _sources() -> list[Path]:
    found = [path for it in PACKAGES for path in ROOT.glob(f"{it}/src/**/*.py")]
    return sorted([*found, *(ROOT / it for it in MODULES)])


def faults(text: str) -> Iterator[tuple[int, str]]:
    """Each place where a binary fraction, or a rounded decimal, could come from, with its line."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value=float() as value):
                yield node.lineno, f"the binary fraction {value}"
            case ast.Name(id="float"):
                yield node.lineno, "the type float"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield node.lineno, "a division with /"
            case ast.Call(func=ast.Attribute(attr="normalize" | "quantize" as name)):
                yield node.lineno, f"{name}, which rounds to 28 digits: use queuebit_kernel.exact"
            case ast.Call(
                func=ast.Name(id="localcontext" | "getcontext" | "Context"), keywords=[ast.keyword(arg="prec"), *_]
            ):
                yield node.lineno, "a context of decimals: queuebit_kernel.exact has the only one"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="json"), attr="loads" | "load"), keywords=keywords):
                if "parse_float" not in {it.arg for it in keywords}:
                    yield node.lineno, "json.loads without parse_float"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="orjson"), attr="loads")):
                yield node.lineno, "orjson.loads, which makes binary fractions"


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_binary_fraction_comes_near_money(path: Path) -> None:
    text, name = path.read_text(), str(path.relative_to(ROOT))
    lines = text.splitlines()
    found = [
        (line, what)
        for line, what in faults(text)
        if (name, lines[line - 1].strip()) not in ALLOWED
        and not (name in DRAWN and what.startswith("the binary fraction"))
    ]
    assert not found, f"{name}: use Decimal, or list the line in ALLOWED with the reason why it is no money: {found}"


def test_each_exception_is_still_needed() -> None:
    def is_needed(name: str, source: str) -> bool:
        text = (ROOT / name).read_text()
        return source in {text.splitlines()[line - 1].strip() for line, _ in faults(text)}

    assert [it for it in ALLOWED if not is_needed(*it)] == []


@pytest.mark.parametrize(
    "text",
    [
        *("x = 0.1", "x = float(y)", "x = a / b", "x /= 2", "json.loads(t)", "orjson.loads(t)", "def f(x: float): ..."),
        *("x.normalize()", "x.quantize(y)", "localcontext(prec=9)", "Context(prec=9)"),
    ],
)
def test_the_check_finds_each_of_them(text: str) -> None:
    assert [*faults(text)]
