"""`qb deployment`: the servers of the bus, as the deployment file describes them."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.tables import Row
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit_deployment import Deployment

__all__ = ["check", "render", "status"]


def check(args: Namespace, out: Output) -> Exit:
    """Read the file, and print what it describes."""
    if args.example:
        from queuebit_deployment import EXAMPLE

        out.stream(EXAMPLE.splitlines())
        return Exit.DONE
    found = _read(args)
    out.document(found.model_dump(mode="json"))
    out.table(_settings(found))
    if found.node:
        out.say()
        out.table(_nodes(found))
    return Exit.DONE


def render(args: Namespace, out: Output) -> Exit:
    """Write the configurations."""
    from queuebit_stack.bootstrap import kept_tenants, read_tenants
    from queuebit_stack.deployment_configs import node_configs
    from queuebit_stack.files import write_private

    found, home, folder = _read(args), Home(args.home), Path(args.output).absolute()
    if not home.login_seed.exists():
        raise Stop(Exit.USAGE, f"{home.root} has no keys: `qb containers prepare --home {home.root}` makes them")
    try:
        configs = node_configs(home, found, kept_tenants(home) or read_tenants(home))
    except (OSError, ValueError) as error:
        raise Stop(Exit.USAGE, f"bus.route_password: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.conf" for name in configs}
    for name, text in configs.items():
        write_private(paths[name], text)
    out.document({name: str(path) for name, path in paths.items()})
    for name, path in paths.items():
        out.say(f"{path}: copy it to {name}, and start there: nats-server -c {path.name}")
    return Exit.DONE


def status(args: Namespace, out: Output) -> Exit:
    """Ask all servers, and name what differs."""
    from queuebit_runtime.deployment import secret_of
    from queuebit_stack.replicas import rows_of

    found = _read(args)
    if found.credentials.seed is None:
        raise Stop(
            Exit.USAGE, "credentials.seed is missing: it names the seed of the user `system`, who may ask servers"
        )
    try:
        with Progress(out.as_json, "asking the servers"):
            seed = secret_of(found.credentials.seed, "system")
            rows = rows_of(found.bus.urls, seed, found.bus.ca_file, [*found.node])
    except (OSError, ValueError) as error:
        raise Stop(Exit.UNREACHABLE, str(error)) from error
    shown: list[Row] = [
        {
            "stream": it.stream,
            "server": it.server,
            "role": it.role,
            "last": it.last,
            "messages": it.messages,
            "found": it.found,
        }
        for it in rows
    ]
    out.document(shown)
    out.table([{k: "-" if v in ("", None) else v for k, v in row.items()} for row in shown])
    wrong = sum(bool(it.found) for it in rows)
    if wrong:
        out.say()
        out.paragraph(f"{wrong} need attention: see docs/clusters.md for what to do")
    return Exit.DIFFERS if wrong else Exit.DONE


def _read(args: Namespace) -> Deployment:
    from queuebit_documents.errors import BadDocuments
    from queuebit_runtime.deployment import VARIABLE, read_deployment

    path = Path(args.file or os.environ.get(VARIABLE) or "queuebit.toml")
    try:
        return read_deployment(path)
    except OSError as error:
        text = f"{path}: {error.strerror or error}; `qb deployment check --example > queuebit.toml` writes one"
        raise Stop(Exit.USAGE, text) from error
    except BadDocuments as error:
        raise Stop(Exit.USAGE, str(error)) from error


def _settings(found: Deployment) -> list[Row]:
    bus = found.bus
    settings = {
        "servers": ", ".join(bus.urls),
        "replicas": f"{bus.replicas}: tolerates the failure of {(bus.replicas - 1) // 2}",
        "placement": ", ".join(bus.placement) or "any node",
        "sync_interval": bus.sync_interval
        if bus.sync_interval == "always"
        else f"{bus.sync_interval}: a power cut of all servers loses what was confirmed within it",
        "TLS": str(bus.ca_file or "none: connections are not encrypted"),
        "seeds": found.credentials.seed or "QUEUEBIT_BUS_SEED_FILE of each service",
        "of a tenant": f"{found.tenants.connections} connections, {found.tenants.subscriptions} subscriptions each",
        **{f"size of {name}": f"{it.max_bytes:,} bytes" for name, it in found.stream.items()},
    }
    return [{"setting": name, "value": value} for name, value in settings.items()]


def _nodes(found: Deployment) -> list[Row]:
    chosen = found.nodes_for_streams
    return [
        {
            "node": name,
            "listens": it.listen,
            "route": it.route or "-",
            "tags": ", ".join(it.tags) or "-",
            "streams": "yes" if name in chosen else "no",
            "TLS": "yes" if it.certificate else "no",
        }
        for name, it in found.node.items()
    ]
