"""`qb containers …`: the stack on a container engine."""

from __future__ import annotations

import json
import os
from argparse import Namespace

from queuebit_cli.output import Output
from queuebit_stack.bootstrap import first_tenants
from queuebit_stack.containers import prepare as prepare_home
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.kubernetes import secrets as secrets_of

__all__ = ["prepare", "secrets"]


def prepare(args: Namespace, out: Output) -> Exit:
    """Write the files that `compose.yaml` mounts, and print how to start it."""
    os.umask(0o077)
    home = Home(args.home)
    env_file = prepare_home(home)
    out.document({"home": str(home.root), "env_file": str(env_file)})
    out.say(f"{home.root} is ready for containers; next, in the repository:")
    out.say(f"  docker compose --env-file {env_file} up --build --detach --wait")
    return Exit.DONE


def secrets(args: Namespace, out: Output) -> Exit:
    """Prepare the home, and print the Secrets of the Helm chart, for `kubectl apply -f -`."""
    os.umask(0o077)
    home = Home(args.home)
    prepare_home(home)
    listed = secrets_of(home, first_tenants(home), args.release)
    out.stream(json.dumps(listed, indent=2).splitlines())
    return Exit.DONE
