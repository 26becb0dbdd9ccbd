"""The grammar of `qb archive`."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group

__all__ = ["archive_commands"]


def archive_commands(archive: Group) -> None:
    """Copies of the log as Parquet files."""
    write = _in_folder(archive.command("write", "archive:write", "write what LOG has and the archive has not"))
    write.add_argument("--all", action="store_true", help="also events that do not fill a file yet")
    _in_folder(archive.command("status", "archive:status", "its range, size and age, and how far it is behind LOG"))
    _in_folder(archive.command("check", "archive:check", "read all files; exit code 5 if one is damaged or missing"))


def _in_folder(command: ArgumentParser) -> ArgumentParser:
    command.add_argument("--folder", metavar="DIR", help="of the archive (`archive` in the home)")
    return command
