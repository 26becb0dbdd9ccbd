"""Renders the plain manifests of `deploy/kubernetes` from the Helm chart, or checks that they are fresh.

python -m deploy.helm.render            write deploy/kubernetes/queuebit.yaml; needs helm, which `make chart` installs
python -m deploy.helm.render --check    fail if the chart changed since; needs nothing
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

__all__ = ["CHART", "HELM", "MANIFESTS", "fingerprint", "helm", "rendered", "without_dependency"]

_HERE = Path(__file__).parent
CHART = _HERE / "queuebit"
VALUES = _HERE / "values"
MANIFESTS = _HERE.parent / "kubernetes" / "queuebit.yaml"
HELM = _HERE.parents[1] / "build" / "chart" / "helm"
"""Where `make chart` puts the program."""


def fingerprint() -> str:
    """A digest of all that the manifests follow from."""
    files = sorted(it for it in CHART.rglob("*") if it.is_file() and "charts" not in it.relative_to(CHART).parts)
    content = [(str(it.relative_to(_HERE)), it.read_text(encoding="utf-8")) for it in [*files, VALUES / "plain.yaml"]]
    return hashlib.sha256(repr(content).encode()).hexdigest()


def without_dependency(folder: Path) -> Path:
    """Copy the chart without the chart of NATS: helm renders nothing while a dependency is missing, used or not."""
    chart = Path(shutil.copytree(CHART, folder / "queuebit", ignore=shutil.ignore_patterns("charts", "Chart.lock")))
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    del about["dependencies"]
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    return chart


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run helm."""
    return subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False, timeout=60)


def rendered(chart: Path, values: Sequence[Path] = (), *further: str) -> str:
    """Render the release `queuebit` in the namespace `queuebit`.

    Raises:
        RuntimeError: helm refuses; the text is its own.
    """
    files = [part for it in values for part in ("--values", it)]
    done = helm("template", "queuebit", chart, "--namespace", "queuebit", *files, *further)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Write, or with `--check` compare; return the exit code."""
    head = f"# Rendered from deploy/helm by `python -m deploy.helm.render`; of the chart {fingerprint()}\n"
    if "--check" in arguments:
        if MANIFESTS.exists() and MANIFESTS.read_text(encoding="utf-8").startswith(head):
            return 0
        print(f"{MANIFESTS} is stale: run `make chart`, then `python -m deploy.helm.render`", file=sys.stderr)
        return 1
    with TemporaryDirectory() as folder:
        text = rendered(without_dependency(Path(folder)), [VALUES / "plain.yaml"])
    MANIFESTS.write_text(head + text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
