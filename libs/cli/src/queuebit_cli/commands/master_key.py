"""`qb master-key replace`: the stores of a home are encrypted with another master key."""

from __future__ import annotations

import os
from argparse import Namespace

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_secrets import VARIABLES
from queuebit_stack.encryption import own_file
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.recovery.anew import stopped

__all__ = ["replace"]


def replace(args: Namespace, out: Output) -> Exit:
    """Encrypt all with the new key, and say which keys are needed from now on."""
    from queuebit_stack.master_key_replacement import replace_master_key

    home = Home(args.home)
    home.require()
    place = {"QUEUEBIT_MASTER_KEY_FILE": args.file, "QUEUEBIT_MASTER_KEY_VAULT": args.vault}
    named = {name: value for name, value in place.items() if value}
    with stopped(home), Progress(out.as_json, "reading the keys") as progress:
        new = replace_master_key(home, named, progress.update)
    where = next(iter(named.values()), None) or str(own_file(new.fingerprint))
    out.document({"master_key": new.fingerprint, "place": where})
    out.say(f"the stores of {home.root} are encrypted with the master key {new.fingerprint}: {where}")
    out.say(
        "keep a copy of it in another place; the former key opens backups from before, and nothing else of this home"
    )
    if named or any(os.environ.get(it) for it in VARIABLES):
        (variable,) = named or (VARIABLES[0],)
        out.say(f"before {home.command('up')}, set {variable}={where}")
    return Exit.DONE
