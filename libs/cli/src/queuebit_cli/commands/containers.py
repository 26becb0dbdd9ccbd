"""`qb containers …`: the stack on a container engine."""

from __future__ import annotations

import os
from argparse import Namespace

from queuebit_cli.output import Output
from queuebit_stack.containers import prepare as prepare_home
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home

__all__ = ["prepare"]


def prepare(args: Namespace, out: Output) -> Exit:
    """Write the files that `compose.yaml` mounts, and print how to start it."""
    os.umask(0o077)
    home = Home(args.home)
    env_file = prepare_home(home)
    out.document({"home": str(home.root), "env_file": str(env_file)})
    out.say(f"{home.root} is ready for containers; next, in the repository:")
    out.say(f"  docker compose --env-file {env_file} up --build --detach --wait")
    return Exit.DONE
