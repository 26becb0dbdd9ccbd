"""The entry point: finds the command, runs it, turns errors into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from queuebit.credentials import home_folder
from queuebit.text import visible
from queuebit_cli.output import Output, on_lines
from queuebit_cli.parser import build
from queuebit_stack.errors import Exit, Stop

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `qb` and return its exit code."""
    args, unknown = build().parse_known_args(argv)
    if unknown:
        args.misused(f"there is no {' '.join(unknown)} here")
    if args.home == "":
        args.misused("--home is empty: which folder?")
    args.home_named = args.home is not None
    args.home = home_folder(args.home)
    module, _, name = args.run.partition(":")
    try:
        command: Callable[..., Exit] = getattr(import_module(f"queuebit_cli.commands.{module}"), name)
        return int(command(args, Output(as_json=args.json)))
    except Stop as stop:
        return _end(stop.code, str(stop))
    except KeyboardInterrupt:
        return _end(Exit.INTERRUPTED, "interrupted; running jobs continue: `qb jobs` lists them")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.DONE)
    except Exception as error:  # noqa: BLE001  # users get a line with the next step, not a traceback
        if (code := _code_of(error)) is not None:
            return _end(code, str(error))
        if isinstance(error, OSError):
            return _end(Exit.UNREACHABLE, f"{error.filename or args.home}: {error.strerror or error}")
        return _end(Exit.JOB_FAILED, f"internal error, attach {_kept(error)} to a bug report: {error!r}")


def _code_of(error: Exception) -> Exit | None:
    from queuebit import errors

    codes: tuple[tuple[type[Exception], Exit], ...] = (
        (errors.InvalidInput, Exit.USAGE),
        (errors.Unreachable, Exit.UNREACHABLE),
        (errors.Refused, Exit.REFUSED),
        (errors.Conflict, Exit.REFUSED),
        (errors.NotFound, Exit.USAGE),
        (errors.QueuebitError, Exit.JOB_FAILED),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), None)


def _kept(error: Exception) -> str:
    """Write the traceback to a file and return its name."""
    from tempfile import NamedTemporaryFile
    from traceback import print_exception

    with NamedTemporaryFile("w", prefix="qb-defect-", suffix=".txt", delete=False) as file:
        print_exception(error, file=file)
    return file.name


def _end(code: Exit, text: str) -> int:
    print(on_lines(f"qb: {visible(text)}"), file=sys.stderr)
    return int(code)
