"""`qb doctor --sbom` and `--advisories`: what is installed, and what of it has known vulnerabilities."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from queuebit_cli.advisories import Affected, affected, read_advisories
from queuebit_cli.installed import Package, bill_of_materials, installed
from queuebit_cli.output import Output
from queuebit_kernel import SystemClock
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place, write_private
from queuebit_stack.home import Home
from queuebit_stack.interpreters import folders
from queuebit_stack.stacks import known

__all__ = ["packages"]


def packages(args: Namespace, out: Output) -> Exit:
    """Write a bill of materials, compare with advisories, or both: 1 if a package is affected."""
    if args.sbom:
        require_place(Path(args.sbom), "--sbom")
    try:
        records = read_advisories(Path(args.advisories)) if args.advisories else []
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    found = _found(args)
    if args.sbom:
        document = bill_of_materials(found, version=version("queuebit"), serial=uuid4(), now=SystemClock().now())
        write_private(Path(args.sbom).absolute(), json.dumps(document, indent=2) + "\n")
    hit = affected(found, records)
    sdks = [{"package": it.name, "version": it.version} for it in found if it.is_quantum]
    out.document(
        {
            "packages": len(found),
            "quantum_sdks": sdks,
            "sbom": args.sbom,
            "advisories": len(records) if args.advisories else None,
            "affected": [_row(it) for it in hit],
        }
    )
    out.say(f"{len(found):,} packages, {len(sdks)} of them of quantum SDKs")
    if args.sbom:
        out.say(f"written to {args.sbom}, as CycloneDX 1.6")
    if args.advisories:
        _print(hit, len(records), out)
    return Exit.JOB_FAILED if hit else Exit.DONE


def _found(args: Namespace) -> list[Package]:
    """The packages of this environment, and of those in which the home's stacks and `--python` are."""
    pythons = [*args.python, *(it.python for it in known(Home(args.home)).served.values() if it.python)]
    found = installed()
    for python in dict.fromkeys(pythons):
        if not (places := folders(python)):
            raise Stop(Exit.USAGE, f"{python} is no interpreter of a virtual environment: its packages are not found")
        found += installed(places)
    return sorted(dict.fromkeys(found), key=lambda it: (it.name, it.version))


def _row(it: Affected) -> dict[str, object]:
    return {
        "package": it.package.name,
        "version": it.package.version,
        "quantum_sdk": it.package.is_quantum,
        "advisory": it.advisory,
        "aliases": list(it.aliases),
        "fixed": list(it.fixed),
        "summary": it.summary,
    }


def _print(hit: Sequence[Affected], records: int, out: Output) -> None:
    if not hit:
        out.say(f"none is affected by the {records:,} advisories, which are as new as their file")
        return
    out.say()
    out.table(
        [
            {
                "package": it.package.name,
                "version": it.package.version,
                "advisory": " ".join((it.advisory, *it.aliases)),
                "fixed in": ", ".join(it.fixed) or "no version yet",
                "summary": it.summary,
            }
            for it in hit
        ],
        fit=True,
    )
    several = len({(it.package.name, it.package.version) for it in hit})
    out.say(f"\n{several} packages are affected: install a version that is fixed, and run this again")
