"""`qb checkpoint`: the signed head of the log, what it continues, and its witnesses."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.receipt_files import read_trust
from queuebit_cli.output import Output
from queuebit_kernel import SystemClock, rfc3339
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit_proof import Checkpoint, ProofFault, TrustRoot, Witness

__all__ = ["add", "cosign", "request", "verify"]

_MOST_BYTES = 256 * 1024


def verify(args: Namespace, out: Output) -> Exit:
    """Verify every file of the log, its witnesses, and that it continues earlier heads."""
    from queuebit_proof import ProofFault, TileLog, cosignatures, require_entries, verify_head

    trust, folder = _trust(args), _log(args)
    witnesses = _witnesses(args.witnesses) if args.witnesses else ()
    earlier = [(it, _head_in(Path(it), trust)) for it in args.earlier]
    text = _text(Path(args.checkpoint) if args.checkpoint else folder / "checkpoint")
    file = ""
    try:
        signed = verify_head(text, trust)
        log = TileLog.open(folder, trust)
        require_entries(log, signed.head, trust.origin)
        lines = cosignatures(text, witnesses)
        for file, head in earlier:  # noqa: B007  # named in the refusal
            require_entries(log, head, trust.origin)
    except ProofFault as error:
        raise _refused(out, error, file) from error
    signed_by = {it.witness for it in lines}
    missing = [f"{it.name} ({it.algorithm})" for it in witnesses if it not in signed_by]
    seen = [{"name": it.witness.name, "algorithm": str(it.witness.algorithm), "at": rfc3339(it.at)} for it in lines]
    place = {"log": trust.origin, "entries": log.size, "root": signed.head.root.hex()}
    document = {**place, "signed_at": rfc3339(signed.signed_at), "witnesses": seen, "continues": [*args.earlier]}
    out.document({"verified": not missing, **document})
    out.say(f"the log {trust.origin} has {log.size} entries; all of its files are what its keys signed")
    for file, head in earlier:
        out.say(f"it continues {file}, of {head.size} entries")
    for it in lines:
        out.say(f"{it.witness.name} cosigned the head at {rfc3339(it.at)} ({it.witness.algorithm})")
    if missing:
        raise Stop(Exit.JOB_FAILED, f"not verified: {', '.join(missing)} did not cosign this head")
    return Exit.DONE


def request(args: Namespace, out: Output) -> Exit:
    """Write the head of the log with a proof that it continues an older one."""
    from queuebit_proof import ProofFault, TileLog, request_for

    trust, folder = _trust(args), _log(args)
    try:
        found = request_for(TileLog.open(folder, trust), args.old, _text(folder / "checkpoint"))
    except (ProofFault, ValueError) as error:
        raise Stop(Exit.USAGE, str(error)) from error
    _write(args, out, str(found))
    return Exit.DONE


def cosign(args: Namespace, out: Output) -> Exit:
    """Sign a head as a witness."""
    from queuebit_proof import ProofFault, WitnessFolder

    trust, text = _trust(args), _text(Path(args.request))
    try:
        witness = WitnessFolder.open(Path(args.witness), args.name)
        lines = witness.cosign(text, trust, SystemClock().now())
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except ProofFault as error:
        raise _refused(out, error, args.request) from error
    keys = Path(args.witness) / "vkeys"
    if not keys.exists():
        write_private(keys, "".join(f"{it}\n" for it in witness.witnesses))
    _write(args, out, lines)
    return Exit.DONE


def add(args: Namespace, out: Output) -> Exit:
    """Add the lines of witnesses to a head."""
    from queuebit_proof import ProofFault, add_cosignatures, read_request

    trust, witnesses = _trust(args), _witnesses(args.witnesses)
    lines = "".join(_text(Path(it)) for it in args.answer)
    try:
        cosigned = add_cosignatures(read_request(_text(Path(args.request))).checkpoint, lines, witnesses, trust)
    except ProofFault as error:
        raise _refused(out, error, ", ".join(args.answer)) from error
    _write(args, out, cosigned)
    return Exit.DONE


def _refused(out: Output, error: ProofFault, file: str) -> Stop:
    kind = getattr(error, "kind", error.code)
    out.document({"verified": False, "fault": kind, "file": file or None, "text": str(error)})
    return Stop(Exit.JOB_FAILED, f"not verified: {kind}: {f'{file}: ' if file else ''}{error}")


def _head_in(path: Path, trust: TrustRoot) -> Checkpoint:
    """The head in a receipt or checkpoint, verified: only what the log signed can be evidence against it."""
    from queuebit_proof import ProofFault, Receipt, verify_head

    text = _text(path).removesuffix("\n") if path.suffix == ".json" else _text(path)
    try:
        checkpoint = Receipt.parse(text.encode()).checkpoint if text.startswith("{") else text
        return verify_head(checkpoint, trust).head
    except ProofFault as error:
        raise Stop(Exit.USAGE, f"{path} is no receipt or checkpoint of {trust.origin}: {error}") from error


def _witnesses(path: str) -> tuple[Witness, ...]:
    from queuebit_proof import TrustInvalid, read_witnesses

    try:
        return read_witnesses(_text(Path(path)))
    except TrustInvalid as error:
        raise Stop(Exit.USAGE, f"{path}: {error}") from error


def _trust(args: Namespace) -> TrustRoot:
    from queuebit_proof import TrustInvalid, TrustRoot

    path = Path(args.trust) if args.trust else Home(args.home).trust_file
    try:
        return TrustRoot.parse(read_trust(path))
    except TrustInvalid as error:
        raise Stop(Exit.USAGE, f"{path}: {error}") from error


def _log(args: Namespace) -> Path:
    folder = Path(args.log) if args.log else Home(args.home).provenance / "log"
    if not (folder / "checkpoint").is_file():
        raise Stop(Exit.USAGE, f"{folder} is no published log: it has no file named checkpoint; name one with --log")
    return folder


def _text(path: Path) -> str:
    """A text from an untrusted file, of which no more is read than can be valid."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES + 1).decode()
    except OSError as error:
        raise Stop(Exit.USAGE, f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Stop(Exit.USAGE, f"{path} is not text") from error


def _write(args: Namespace, out: Output, text: str) -> None:
    if args.output is None:
        out.document({"text": text})
        out.say(text.removesuffix("\n"))
        return
    try:
        write_private(Path(args.output).absolute(), text)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{args.output} cannot be written: {error.strerror}") from error
    out.document({"file": args.output})
    out.say(f"{args.output} is written")
