"""Makes a release in a folder, from the commit that is checked out.

python -m deploy.release FOLDER --signer NAME --keys DIR    what is published
python -m deploy.release FOLDER --draft                     the same without checks and signature, to try it

The folder gets wheels/, stack.lock (all that `queuebit[stack]` installs, with hashes), sbom.cdx.json (CycloneDX, of an
environment that was filled from that lock) and SHA256SUMS, which `qb sign` signs: one signature holds for all files.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.release.checks import faults
from deploy.release.members import build, members

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[2]
_UV = (sys.executable, "-m", "uv", "pip")
_COMPILE = (
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "--no-config"),
    *("--no-emit-index-url", "--no-emit-find-links"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the release: 0, or 1 with what forbids it."""
    parser = ArgumentParser(prog="python -m deploy.release", description="make a release from the commit checked out")
    parser.add_argument("folder", type=Path, help="a new folder for its files")
    parser.add_argument("--signer", help="the name under which the checksums are signed: acme.example/releases")
    parser.add_argument("--keys", type=Path, help="the folder of the signer's keys; made if there is none")
    parser.add_argument("--draft", action="store_true", help="neither check nor sign")
    args = parser.parse_args(arguments)
    if not args.draft and not (args.signer and args.keys):
        parser.error("a release is signed: name --signer and --keys, or try it with --draft")
    if args.folder.exists():
        parser.error(f"{args.folder} exists: name a new folder, so that nothing of another release is in it")
    packages = members(ROOT)
    found = [] if args.draft else list(_faults())
    for it in found:
        print(it, file=sys.stderr)
    if found:
        return 1
    commit = _git("rev-parse", "HEAD")
    wheels = args.folder / "wheels"
    wheels.mkdir(parents=True)
    os.environ["SOURCE_DATE_EPOCH"] = _git("log", "-1", "--format=%ct")
    build(packages, wheels)
    lock = args.folder / "stack.lock"
    _compile(packages[0].version, wheels, lock)
    _describe(lock, wheels, args.folder / "sbom.cdx.json")
    sums = args.folder / "SHA256SUMS"
    sums.write_text(_sums(args.folder))
    if not args.draft:
        _qb(sys.executable, "sign", str(sums), "--signer", args.signer, "--keys", str(args.keys), "--source", commit)
    print(f"{len(packages)} wheels of {packages[0].version} in {args.folder}, from commit {commit[:12]}")
    return 0


def _faults() -> list[str]:
    changed = [
        *_git("diff", "--name-only", "HEAD").split(),
        *_git("ls-files", "--others", "--exclude-standard").split(),
    ]
    return list(faults(members(ROOT), (ROOT / "CHANGELOG.md").read_text(), _git("tag", "--list").split(), changed))


def _compile(version: str, wheels: Path, lock: Path) -> None:
    """Write what `queuebit[stack]` installs: our wheels, and of the others the versions of requirements.lock."""
    wanted = lock.with_suffix(".in")
    wanted.write_text(f"queuebit[stack]=={version}\n")
    constraints = ("--constraint", str(ROOT / "requirements.lock"), "--find-links", str(wheels))
    _run(*_UV, "compile", "--quiet", *_COMPILE, *constraints, str(wanted), "--output-file", str(lock))
    wanted.unlink()


def _describe(lock: Path, wheels: Path, document: Path) -> None:
    """Fill an empty environment from the lock, and let its `qb` write what is in it."""
    with TemporaryDirectory(prefix="queuebit-release-") as folder:
        venv.create(folder)
        python = str(Path(folder) / "bin" / "python")
        _run(
            *_UV,
            "install",
            "--quiet",
            "--python",
            python,
            "--no-config",
            "--require-hashes",
            "--find-links",
            str(wheels),
            "-r",
            str(lock),
        )
        _qb(python, "doctor", "--sbom", str(document))
    document.chmod(0o644)  # it is published


def _sums(folder: Path) -> str:
    """The digest of each file, as `sha256sum --check` reads it."""
    files = sorted(it for it in folder.rglob("*") if it.is_file())
    return "".join(f"{hashlib.sha256(it.read_bytes()).hexdigest()}  {it.relative_to(folder)}\n" for it in files)


def _qb(python: str, *words: str) -> None:
    _run(python, "-m", "queuebit_cli", *words)


def _git(*words: str) -> str:
    git = ["git", *words]  # of the person who releases
    return subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


if __name__ == "__main__":
    sys.exit(main())
