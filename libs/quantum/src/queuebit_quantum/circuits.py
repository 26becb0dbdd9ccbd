"""Parses OpenQASM and QIR into a checked circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from queuebit_kernel import digest
from queuebit_planning.languages import is_qir, is_qubo
from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.parameters import Input, Parameters, bound_digest, parameter_faults
from queuebit_quantum.plain_qasm2 import load_plain
from queuebit_quantum.tokens import Source, read
from queuebit_quantum.whole_program import located

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from queuebit_quantum.compile_options import CompileOptions
    from queuebit_quantum.loaded import Loaded, Verbatim
    from queuebit_quantum.quadratic import Quadratic
    from queuebit_quantum.results import ResultType

__all__ = ["Circuit", "asked_results", "circuit_of", "inputs", "instance", "parse"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """A parsed program that is within the limits and has a measurement.

    Counts are of the expanded program: gates that the source defines are replaced by their definitions, and loops are
    unrolled. Both branches of a condition count. In `depth` a condition is one step.
    """

    digest: str
    """SHA-256 of the source, of text in UTF-8; if parameters were given, of source and parameters."""
    language: str
    """`openqasm2`, `openqasm3`, `qir` or `qubo`."""
    num_qubits: int
    num_clbits: int
    registers: tuple[int, ...]
    """Widths of the classical registers in order of declaration; a result's bit string has them from right to left."""
    gates: Mapping[str, int] = field(hash=False)
    """Operations per name, with measurements, resets and delays, without barriers."""
    depth: int
    two_qubit_gates: int
    features: frozenset[str]
    """Any of `mid_circuit_measurement`, `reset`, `conditional`, `assignment`, `loop`, `while_loop`, `opaque`, `timing`
    and `verbatim`.

    `assignment`: the program sets classical bits without a measurement. `loop`: a measurement may end a loop early.
    `timing`: it uses durations that only the compiler of a device knows (`stretch`, `durationof`, a box with a
    duration); they do not matter to an ideal simulator. No backend here runs `while_loop` and `opaque`: a `while` loop
    has no upper bound, and an opaque gate has no definition.
    """
    physical: tuple[int, ...] = ()
    """Device qubits that the source names as `$n`, one for each qubit of the circuit, ascending; empty if the source
    declares qubits."""
    touched: tuple[int, ...] = ()
    """Indices of the qubits that a gate, a measurement or a reset acts on; backends ignore the others."""
    verbatim: tuple[Verbatim, ...] = ()
    """Gates that a backend must run as they are, on the device qubits that they name."""
    results: tuple[ResultType, ...] = field(default=(), compare=False)
    """What the program asks for besides counts, by result pragmas; it then need not measure."""
    places: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict, repr=False, compare=False)
    """Line and column of the first use of the features `opaque`, `timing` and `while_loop`."""
    quantum_circuit: QuantumCircuit = field(repr=False, compare=False, kw_only=True)
    """The expanded program as a Qiskit circuit. Read-only."""
    template: Circuit | None = field(default=None, repr=False, compare=False, kw_only=True)
    """The same circuit with open angles, if it was made from one: what does not depend on them is done once for it."""
    values: tuple[float, ...] = field(default=(), repr=False, compare=False, kw_only=True)
    """Those of the parameters of the template, in Qiskit's order."""
    options: CompileOptions | None = field(default=None, kw_only=True)
    """How to compile it, if the program says so: see `queuebit_quantum.compile_options.with_options`."""
    seed_digest: str = field(default="", kw_only=True)
    """The digest that its compilation is seeded with, if that is not its own."""
    problem: Quadratic | None = field(default=None, repr=False, compare=False, kw_only=True)
    """The problem, if the program is not a circuit of gates but a quadratic problem; it then has no operations."""

    @property
    def dynamic(self) -> bool:
        """Whether its shots cannot be drawn from one final state."""
        return not self.features <= {"timing", "verbatim"}

    @property
    def needs(self) -> frozenset[str]:
        """All that a backend must offer: the features of the circuit and those of its compile options."""
        return self.features | (self.options.features if self.options else frozenset())


def inputs(source: str | bytes, limits: Limits | None = None) -> tuple[Input, ...]:
    """Return the `input` declarations of OpenQASM 3; other languages have none. Raises `CircuitError` as `parse`."""
    if is_qir(content := _content(source)) or is_qubo(content):
        return ()
    tokens = read(_text(content), limits or Limits())
    if tokens.version == 2:
        return ()
    from queuebit_quantum.qasm3 import inputs as declared

    return declared(tokens)


def asked_results(source: str | bytes, limits: Limits | None = None) -> tuple[ResultType, ...]:
    """Return the results that OpenQASM 3 asks for by pragmas; its inputs need no values.

    Raises:
        CircuitError: as `parse`; also if the structure of a program with inputs depends on their values.
    """
    limits, content = limits or Limits(), _content(source)
    if is_qir(content) or is_qubo(content):
        return ()
    tokens = read(_text(content), limits)
    if tokens.version == 2 or not tokens.braket or "result" not in tokens.text:
        return ()
    from queuebit_quantum.qasm3 import load_unbound

    return load_unbound(tokens, limits).results


def parse(
    source: str | bytes, limits: Limits | None = None, *, parameters: Parameters | None = None, measured: bool = True
) -> Circuit:
    """Parse OpenQASM 2 or 3, or QIR, into a circuit; text without a version header is OpenQASM 3.

    The content alone says which language it is in (`queuebit_planning.languages`).

    Reads no files: the standard includes are built in, and all other includes are refused. The size of the program is
    counted before it is expanded. Still, parse in a process with limited memory and time: the grammars are large, and
    the parsers are third-party code.

    Args:
        source: text; or bytes, which are text in UTF-8 or bitcode of QIR.
        limits: the largest program that is accepted; the default limits if None.
        parameters: a value for each `input` of the source, by name.
        measured: whether to refuse a program without measurements.

    Raises:
        CircuitError: the source is wrong or too large; it has the line and column, what was expected, and a code.
    """
    limits, given, content = limits or Limits(), parameters or {}, _content(source)
    if is_qir(content):
        return _parse_qir(content, limits, given, measured=measured)
    if is_qubo(content):
        return _parse_qubo(content, limits, given, measured=measured)
    text = _text(content)
    if given:
        from queuebit_quantum.templates import bound

        if (circuit := bound(text, limits, given, measured=measured)) is not None:
            return circuit
    named, tokens = bound_digest(digest(content), given), None
    if given or (loaded := load_plain(text, limits)) is None:
        tokens = read(text, limits)
        loaded = _load(tokens, limits, given)
    try:
        return circuit_of(loaded, named, f"openqasm{tokens.version if tokens else 2}", measured=measured)
    except CircuitError as refusal:
        raise located(refusal, tokens or read(text, limits), limits) from refusal


def _content(source: str | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.encode(errors="surrogatepass")


def _text(content: bytes) -> str:
    """The text of a source; invalid characters stay, so that `read` can say where they are."""
    try:
        return content.decode(errors="surrogatepass")
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} is not valid UTF-8: save the source as UTF-8"
        raise CircuitError(message, expected="text, or bitcode of QIR", code="encoding") from error


def _parse_qir(content: bytes, limits: Limits, given: Parameters, *, measured: bool) -> Circuit:
    from queuebit_quantum.qir import load

    if faults := parameter_faults((), given):
        raise CircuitError("; ".join(faults), code="parameter")
    return circuit_of(load(content, limits), digest(content), "qir", measured=measured)


def _parse_qubo(content: bytes, limits: Limits, given: Parameters, *, measured: bool) -> Circuit:
    """A problem as a program without gates: each variable is a qubit that is measured."""
    from qiskit import QuantumCircuit

    from queuebit_quantum.quadratic import FEATURE, LANGUAGE, load

    if faults := parameter_faults((), given):
        raise CircuitError("; ".join(faults), code="parameter")
    if not measured:
        raise CircuitError("a quadratic problem has no observables: its result is bits", code="unsupported")
    problem = load(content, limits)
    size = problem.variables
    return Circuit(
        digest=digest(content),
        language=LANGUAGE,
        num_qubits=size,
        num_clbits=size,
        registers=(size,),
        gates={},
        depth=0,
        two_qubit_gates=0,
        features=frozenset({FEATURE}),
        touched=tuple(range(size)),
        quantum_circuit=QuantumCircuit(size, size),
        problem=problem,
    )


def _load(tokens: Source, limits: Limits, given: Parameters) -> Loaded:
    if tokens.version == 2:
        from queuebit_quantum.qasm2 import load as load2

        if faults := parameter_faults((), given):
            raise CircuitError("; ".join(faults), code="parameter")
        return load2(tokens, limits)
    from queuebit_quantum.qasm3 import load as load3

    return load3(tokens, limits, given)


def instance(template: Circuit, values: tuple[float, ...], digest_: str) -> Circuit:
    """The circuit that a template is with these values."""
    program = template.quantum_circuit.assign_parameters(values)
    return replace(template, digest=digest_, quantum_circuit=program, template=template, values=values)


def circuit_of(loaded: Loaded, digest_: str, language: str, *, measured: bool = True) -> Circuit:
    """Count and check an expanded program; raises `CircuitError`."""
    from queuebit_quantum.physical import touched
    from queuebit_quantum.structure import USABLE, count_operations, unusable_parameter

    flat = loaded.circuit
    unusable = unusable_parameter(flat)
    if unusable:
        raise CircuitError(unusable, expected=USABLE, code="parameter")
    found = count_operations(flat)
    if measured and loaded.results:
        raise CircuitError(
            f"the program asks for a result ({loaded.results[0].text:.80}), and a single circuit returns counts only",
            expected="the circuit as an item of a program",
            code="unsupported",
        )
    if measured and not found.measurements:
        raise CircuitError(
            "the program measures nothing, so it has no result: add `measure` statements",
            expected="at least one `measure`",
            code="no_measurement",
        )
    return Circuit(
        digest=digest_,
        language=language,
        num_qubits=flat.num_qubits,
        num_clbits=sum(loaded.registers),
        registers=loaded.registers,
        gates=dict(found.gates),
        depth=flat.depth(),
        two_qubit_gates=found.two_qubit_gates,
        features=frozenset(found.features)
        | (loaded.places.keys() & {"timing"})
        | ({"verbatim"} if loaded.verbatim else set()),
        physical=loaded.physical,
        touched=touched(flat),
        verbatim=loaded.verbatim,
        results=loaded.results,
        places=loaded.places,
        quantum_circuit=flat,
    )
