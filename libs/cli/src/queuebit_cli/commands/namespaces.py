"""`qb tenant namespaces`: pods of a Kubernetes cluster log in as the tenants that their namespaces name."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from queuebit_cli.commands.tenancy import done, edited
from queuebit_cli.output import Output
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.namespaces import Cluster, issuers_of, read_namespaces

__all__ = ["apply"]


def apply(args: Namespace, out: Output) -> Exit:
    """Write an entry of an issuer for each annotated namespace, and remove those of former ones."""
    try:
        text = sys.stdin.read() if args.file == "-" else Path(args.file).read_text(encoding="utf-8")
        keys = {"jwks": Path(args.jwks).read_text(encoding="utf-8")} if args.jwks else {"jwks_url": args.jwks_url}
        wanted = issuers_of(read_namespaces(text), Cluster(args.cluster, args.issuer, keys))
    except (OSError, ValueError) as error:
        raise Stop(Exit.USAGE, str(error)) from error
    edited(args, out, lambda tenants: tenants.set_issuers(args.issuer, f"{args.cluster}-", wanted))
    listed = {tenant: sorted(entries) for tenant, entries in sorted(wanted.items())}
    words = [f"{tenant}: {', '.join(names)}" for tenant, names in listed.items()]
    return done(args, out, "\n".join(words) or "no namespace names a tenant", issuers=listed)
