"""Declared dependencies are compared with what is installed."""

from __future__ import annotations

import pytest

from queuebit_hybrid.dependencies import require_installed
from queuebit_hybrid.errors import Refusal

INSTALLED = {"numpy": "2.3.1", "queuebit": "0.1.0"}


def script(block: str) -> str:
    return f"import os\n# /// script\n{block}\n# ///\nprint(1)\n"


@pytest.mark.parametrize(
    "source",
    [
        "print(1)",
        script('# dependencies = ["numpy>=2", "Queuebit"]'),
        script("# dependencies = [\"pywin32; sys_platform == 'win32'\"]"),
        script('# requires-python = ">=3.11"'),
        script('# dependencies = [\n#   "numpy",\n# ]').replace("\n", "\r\n"),
    ],
)
def test_what_is_installed_may_be_used(source: str) -> None:
    require_installed(source, INSTALLED, "3.11.7")


@pytest.mark.parametrize(
    ("block", "code", "named"),
    [
        ('# dependencies = ["scipy", "numpy"]', "dependency_missing", "scipy"),
        ('# dependencies = ["numpy<2"]', "dependency_missing", "numpy<2"),
        ('# dependencies = ["numpy @ https://example.org/n.whl"]', "dependency_missing", "numpy @"),
        ('# dependencies = ["not a requirement!"]', "bad_dependencies", "not a requirement"),
        ("# dependencies = 3", "bad_dependencies", "no list"),
        ("# dependencies = [", "bad_dependencies", "no TOML"),
        ('# requires-python = ">=4"', "python_version", "3.11.7"),
        ('# requires-python = "new"', "bad_dependencies", "no version range"),
        ("# dependencies = []\n# ///\nimport os\n# /// script\n# dependencies = []", "bad_dependencies", "several"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(block: str, code: str, named: str) -> None:
    with pytest.raises(Refusal) as refused:
        require_installed(script(block), INSTALLED, "3.11.7")
    assert refused.value.reason == code
    assert named in str(refused.value)
