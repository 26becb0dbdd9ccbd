"""The grammar of `qb deployment`."""

from __future__ import annotations

from queuebit_cli.grammar import Group

__all__ = ["deployment_commands"]

_FILE = "the deployment file (QUEUEBIT_DEPLOYMENT, else queuebit.toml)"


def deployment_commands(deployment: Group) -> None:
    """The deployment file, and the servers that it describes."""
    check = deployment.command("check", "deployment:check", "check the file, and print what it describes")
    check.add_argument("--example", action="store_true", help="print a file to begin with")
    render = deployment.command("render", "deployment:render", "write the configuration of each nats-server")
    render.add_argument("--output", metavar="DIR", default=".", help="where NODE.conf is written (this folder)")
    status = deployment.command("status", "deployment:status", "compare the replicas of all streams on all servers")
    for command in (check, render, status):
        command.add_argument("file", nargs="?", metavar="FILE", help=_FILE)
