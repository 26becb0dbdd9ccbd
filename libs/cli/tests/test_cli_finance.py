"""`qb tenant finance …`: a secret that is shown once, and a file that holds its digest."""

import json
import stat
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_contracts.finance import BadFinanceFile, digest_of, finance_text, parse_finance
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path / "home"))
    it = Home(tmp_path / "home")
    bootstrap(it)
    return it


def test_a_login_is_added_listed_and_removed(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    main(["tenant", "add", "acme"])
    capsys.readouterr()
    assert main(["tenant", "finance", "add", "anna", "--tenants", "acme,demo", "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    text = home.finance_logins.read_text()
    assert (added["user"], added["tenants"]) == ("finance.anna", ["acme", "demo"])
    assert added["password"] not in text
    assert digest_of(added["password"]) in text
    assert stat.S_IMODE(home.finance_logins.stat().st_mode) == 0o600
    main(["tenant", "finance", "list", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"login": "anna", "user": "finance.anna", "tenants": ["acme", "demo"]}
    assert main(["tenant", "finance", "remove", "anna"]) == 0
    assert parse_finance(home.finance_logins.read_text()).login == {}


def test_adding_it_again_replaces_the_secret_and_the_tenants(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    main(["tenant", "add", "acme"])
    for tenants in ("acme,demo", "demo"):
        main(["tenant", "finance", "add", "anna", "--tenants", tenants])
    (login,) = parse_finance(home.finance_logins.read_text()).login.values()
    passwords = [it.split()[1] for it in capsys.readouterr().out.splitlines() if it.startswith("password")]
    assert login.tenants == ("demo",)
    assert [login.admits(it) for it in passwords] == [False, True]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add", "anna", "--tenants", "demp"], Exit.REFUSED, "did you mean demo?"),
        (["add", "An.na", "--tenants", "demo"], Exit.USAGE, "is not a name"),
        (["remove", "zoe"], Exit.REFUSED, "there is no finance login zoe"),
    ],
)
@pytest.mark.usefixtures("home")
def test_what_cannot_be_is_refused(words: list[str], code: Exit, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tenant", "finance", *words]) == code
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_damaged_file_is_named(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.finance_logins.write_text("[login.anna]\n")
    assert main(["tenant", "finance", "list"]) == Exit.USAGE
    assert str(home.finance_logins) in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize("text", ["no toml", "[login.a]\nsha256 = 'x'\ntenants = ['a']", "[login.a]\ntenants = ['a']"])
def test_a_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadFinanceFile):
        parse_finance(text)


def test_what_is_written_is_read() -> None:
    text = f"[login.anna]\nsha256 = '{digest_of('x')}'\ntenants = ['acme', 'beta']\n"
    assert parse_finance(finance_text(parse_finance(text))) == parse_finance(text)
