"""QIR: what is read, the order of results, and what is refused with which words."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pyqir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_kernel import digest
from queuebit_planning.languages import media_type_of
from queuebit_quantum import CircuitError, Limits, asked_results, ideal_distribution, inputs, parse
from queuebit_quantum.qir import as_openqasm, read

EXAMPLE = Path(__file__).parents[3] / "examples" / "qir" / "asymmetric.ll"
QIS, RT = "__quantum__qis__", "__quantum__rt__"
HEAD = "define void @main() #0 {\n"
TAIL = '\n  ret void\n}\nattributes #0 = { "entry_point" "required_num_qubits"="3" "required_num_results"="3" }\n'


def pointer(number: int) -> str:
    return f"ptr inttoptr (i64 {number} to ptr)" if number else "ptr null"


def call(name: str, *arguments: str) -> str:
    return f"  call void @{name}({', '.join(arguments)})"


def gate(name: str, *qubits: int, angle: float | None = None) -> str:
    angles = [] if angle is None else [f"double {angle!r}"]
    return call(f"{QIS}{name}", *angles, *map(pointer, qubits))


def measure(qubit: int, result: int | None = None) -> str:
    return gate("mz__body", qubit, qubit if result is None else result)


def record(*results: int) -> str:
    return "\n".join(call(f"{RT}result_record_output", pointer(it), "ptr null") for it in results)


def group(kind: str, size: int) -> str:
    return call(f"{RT}{kind}_record_output", f"i64 {size}", "ptr null")


def module(*lines: str) -> str:
    return HEAD + "\n".join(lines) + TAIL


MEASURED = [measure(it) for it in range(3)]


def test_the_example_has_its_distribution() -> None:
    circuit = parse(EXAMPLE.read_text())
    assert (circuit.language, circuit.digest) == ("qir", digest(EXAMPLE.read_bytes()))
    assert (circuit.num_qubits, circuit.registers, circuit.features) == (3, (2, 1), frozenset())
    one, other = math.sin(0.3) ** 2, math.sin(1.1) ** 2
    expected = {
        "0 00": (1 - one) * (1 - other), "0 11": one * (1 - other),
        "1 01": (1 - one) * other, "1 10": one * other,
    }  # fmt: skip
    assert ideal_distribution(circuit) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("records", "registers", "counted"),
    [
        ([record(0, 1, 2)], (3,), "100"),
        ([record(2, 1, 0)], (3,), "001"),
        ([group("array", 3), record(0, 1, 2)], (3,), "100"),
        ([group("tuple", 2), group("array", 2), record(0, 1), record(2)], (2, 1), "1 00"),
        ([group("tuple", 2), record(2), group("array", 2), record(0, 1)], (1, 2), "00 1"),
        ([group("tuple", 3), record(0), group("array", 1), record(1), record(2)], (1, 1, 1), "1 0 0"),
        ([group("array", 1), record(0), group("array", 2), record(1, 2)], (1, 2), "10 0"),
        ([group("array", 2), group("array", 1), record(2), group("array", 1), record(0)], (1, 1), "0 1"),
        ([group("tuple", 2), group("array", 0), record(2)], (1,), "1"),
    ],
)
def test_each_array_is_a_register_and_its_first_result_the_last_bit(
    records: list[str], registers: tuple[int, ...], counted: str
) -> None:
    circuit = parse(module(gate("x__body", 2), *MEASURED, *records))
    assert circuit.registers == registers
    assert ideal_distribution(circuit) == {counted: pytest.approx(1)}


def test_pointers_with_and_without_types_are_the_same_program() -> None:
    typed = EXAMPLE.read_text()
    opaque = typed.replace("%Qubit*", "ptr").replace("%Result*", "ptr").replace("i8*", "ptr")
    assert read(typed.encode(), Limits()) == read(opaque.encode(), Limits())


def test_an_angle_is_decimal_or_the_bits_of_a_double() -> None:
    bits = struct.pack(">d", 0.1).hex()
    written = module(gate("rx__body", 0, angle=0.1), *MEASURED, record(0))
    assert read(written.encode(), Limits()) == read(written.replace("0.1", f"0x{bits}").encode(), Limits())


def test_blocks_are_followed_and_not_read_in_order() -> None:
    body = ["entry:", gate("x__body", 0), "  br label %second", "last:", measure(0), record(0), "  ret void"]
    blocks = [*body, "second:", gate("h__body", 0), "  br label %last"]
    text = HEAD + "\n".join(blocks) + TAIL.removeprefix("\n  ret void")
    assert [it.gate for it in read(text.encode(), Limits()).steps] == ["x", "h", "measure"]


def test_the_end_of_a_line_means_nothing() -> None:
    written = module(gate("x__body", 0), gate("h__body", 1), *MEASURED, record(0, 1))
    assert read(written.replace("\n", " ").encode(), Limits()) == read(written.encode(), Limits())


def test_marks_of_a_compiler_are_skipped() -> None:
    plain = module(gate("x__body", 0), *MEASURED, record(0))
    marked = (
        '; ModuleID = \'a\'\nsource_filename = "a"\ntarget triple = "x86_64"\n'
        + plain.replace("  call", "  tail call", 1)
        .replace("  ret void", "  #dbg_value(i64 0, !1, !2, !3)\n  ret void, !dbg !4")
        .replace(
            "\n  call void @__quantum__rt",
            ", !dbg !5\n  call void @llvm.dbg.label(metadata !1)\n  call void @__quantum__rt",
        )
        + '!llvm.module.flags = !{!0}\n!0 = !{i32 1, !"qir_major_version", i32 2}\n'
    )
    assert read(marked.encode(), Limits()) == read(plain.encode(), Limits())


def test_bits_that_are_not_recorded_are_not_in_the_result() -> None:
    circuit = parse(module(gate("x__body", 1), *MEASURED, record(1)))
    assert (circuit.registers, circuit.num_clbits) == ((1,), 1)
    assert ideal_distribution(circuit) == {"1": pytest.approx(1)}


def test_reset_and_measurements_on_the_way_are_features() -> None:
    used_again = [gate("x__body", 0), gate("mresetz__body", 0, 0), gate("h__body", 0), measure(0, 1), record(0, 1)]
    circuit = parse(module(*used_again))
    assert circuit.features == {"reset", "mid_circuit_measurement"}


def test_qir_has_no_inputs_and_asks_for_no_results() -> None:
    text = EXAMPLE.read_text()
    assert inputs(text) == ()
    assert asked_results(text) == ()
    with pytest.raises(CircuitError, match="theta") as caught:
        parse(text, parameters={"theta": 0.5})
    assert caught.value.code == "parameter"


@pytest.mark.parametrize(
    "text",
    [
        "OPENQASM 3.0; qubit q;", "// define\nqubit q;", "@note global\nqubit q;", "include \"stdgates.inc\";",
        "define", "target[0] = 1;", "gate declare a {}", "", "\n ; ",
    ],
)  # fmt: skip
def test_openqasm_is_not_taken_for_qir(text: str) -> None:
    assert media_type_of(text.encode()) == "text/x-openqasm"


@pytest.mark.parametrize(
    "text",
    [
        "; ModuleID = 'x'\n\nsource_filename = \"x\"\n", "%Qubit = type opaque",
        "@0 = internal constant [1 x i8] c\"a\"",
        "\n\ndefine void @main() {", "declare void @f()", "target triple = \"x\"", "attributes #0 = { }", "!0 = !{}",
    ],
)  # fmt: skip
def test_qir_is_recognised(text: str) -> None:
    assert media_type_of(text.encode()) == "text/x-qir"


REFUSED = {
    "a condition": ("  br i1 true, label %a, label %b", "unsupported", 2, "a branch on a condition"),
    "a result that is read": (
        f"  %0 = call i1 @{QIS}read_result__body(ptr null)",
        "unsupported",
        2,
        "reading a result while the program runs",
    ),
    "arithmetic": ("  %0 = add i64 1, 2", "unsupported", 2, "computing while the program runs"),
    "memory": ("  %0 = alloca i64", "unsupported", 2, "memory"),
    "a store": ("  store i64 1, ptr null", "unsupported", 2, "memory"),
    "a qubit that is allocated": (
        f"  %0 = call ptr @{RT}qubit_allocate()",
        "unsupported",
        2,
        "allocating qubits while the program runs",
    ),
    "a computed qubit": (call(f"{QIS}h__body", "ptr %q"), "unsupported", 2, "a qubit that is computed"),
    "a computed angle": (
        call(f"{QIS}rx__body", "double %a", "ptr null"),
        "unsupported",
        2,
        "an angle that is computed",
    ),
    "a function of its own": (call("mine"), "unsupported", 2, "function of its own"),
    "an unknown instruction": (call(f"{QIS}warp__body", "ptr null"), "undefined", 2, f"{QIS}warp__body is not known"),
    "controls": (call(f"{QIS}x__ctl", "ptr null", "ptr null"), "unsupported", 2, "controls of any number"),
    "a recorded integer": (call(f"{RT}int_record_output", "i64 1", "ptr null"), "unsupported", 2, "an integer"),
    "a qubit too many": (gate("x__body", 3), "index", 2, "there is no qubit 3: the entry point has 3"),
    "a result too many": (measure(0, 3), "index", 2, "there is no result 3"),
    "one qubit twice": (gate("cx__body", 1, 1), "arguments", 2, "one qubit twice"),
    "too few arguments": (call(f"{QIS}cx__body", "ptr null"), "arguments", 2, "has 1 arguments"),
    "a result for a qubit": (call(f"{QIS}x__body", "%Result* null"), "arguments", 2, "a Result is given"),
    "no number": (call(f"{QIS}x__body", "ptr undef"), "arguments", 2, "this is no qubit"),
    "no angle": (call(f"{QIS}rx__body", "i64 1", "ptr null"), "arguments", 2, "this is no angle"),
    "an endless angle": (call(f"{QIS}rx__body", "double 0x7FF0000000000000", "ptr null"), "parameter", 2, "inf"),
    "an angle of other bits": (call(f"{QIS}rx__body", "double 0xK4000", "ptr null"), "parameter", 2, "nan"),
    "a result twice": (f"{measure(0)}\n{record(0, 0)}", "unsupported", 4, "recorded twice"),
    "a result without a measurement": (record(2), "no_measurement", 2, "result 2 is recorded and never measured"),
    "an array without its results": (group("array", 2), "arguments", 1, "values fewer than it announces"),
    "a failure": (f"{measure(0)}\n{record(0)}\n  ret i64 1\nnext:", "unsupported", 4, "stands for a failure"),
    "a loop": ("  br label %a\na:\n  br label %a\nb:", "unsupported", 3, "a loop while the program runs"),
    "a jump to nowhere": ("  br label %a\nb:", "undefined", 2, "there is no block %a"),
    "a block without an end": (f"{measure(0)}\nnext:", "syntax", 3, "the block has no end"),
    "code after the end": ("  ret void", "syntax", 3, "follows the end of its block"),
    "an open bracket": (f"  call void @{QIS}h__body(ptr null", "syntax", None, "not closed"),
    "no instruction": ("  42", "syntax", 2, "42 is no instruction"),
    "no measurement": (gate("x__body", 0), "no_measurement", None, "records no result"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_names_the_line_and_the_feature(case: str) -> None:
    body, code, line, words = REFUSED[case]
    with pytest.raises(CircuitError) as caught:
        parse(module(body))
    assert words in str(caught.value)
    assert caught.value.code == code
    assert line is None or caught.value.line == line


MODULES = {
    "no entry point": ("define void @main() { ret void }", "header", "has no entry point"),
    "two entry points": (
        'define void @a() "entry_point" { ret void } define void @b() "entry_point" { ret void }',
        "unsupported",
        "several entry points",
    ),
    "parameters": ('define void @a(i64 %n) "entry_point" { ret void }', "unsupported", "has parameters"),
    "assembly": ('module asm "nop"', "unsupported", "assembly of a processor"),
    "another version": (
        'define void @a() { ret void }\n!0 = !{i32 1, !"qir_major_version", i32 9}',
        "header",
        "version 9",
    ),
    "many qubits": (
        'define void @a() "entry_point" "required_num_qubits"="5000" { ret void }',
        "too_large",
        "5,000 qubits",
    ),
    "no number of qubits": ('define void @a() "entry_point" "required_num_qubits"="x" { ret void }', "header", "'x'"),
    "a function without a body": ('define void @a() "entry_point"', "syntax", "no body"),
}


@pytest.mark.parametrize("case", MODULES)
def test_a_module_is_refused_with_its_reason(case: str) -> None:
    text, code, words = MODULES[case]
    with pytest.raises(CircuitError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert caught.value.code == code


def test_limits_hold() -> None:
    many = module(*[gate("x__body", 0)] * 20, *MEASURED, record(0))
    with pytest.raises(CircuitError, match="more than 10 operations"):
        parse(many, Limits(max_operations=10))
    with pytest.raises(CircuitError, match="more than the 100 allowed"):
        parse(many, Limits(max_source_bytes=100))
    undeclared = module(gate("x__body", 9_000), *MEASURED, record(0)).replace('"required_num_qubits"="3"', "")
    with pytest.raises(CircuitError, match="9,001 qubits"):
        parse(undeclared)


@pytest.mark.parametrize("piece", ["-", "1-", '@"', "(", "%x ", "0x", "; \n", "\n"])
def test_long_nonsense_is_refused(piece: str) -> None:
    """If a run of characters took quadratic time, this would take minutes."""
    with pytest.raises(CircuitError):
        parse("define " + piece * (200_000 // len(piece)))


def test_bitcode_that_grows_without_end_is_refused() -> None:
    name = "T" * 60_000
    lines = "\n".join(f"  %x{number} = alloca %{name}" for number in range(300))
    text = f"%{name} = type {{ i8 }}\n{HEAD}{lines}{TAIL}"
    bitcode = pyqir.Module.from_ir(pyqir.Context(), text).bitcode
    assert len(bitcode) < 200_000
    with pytest.raises(CircuitError, match="the text form of the bitcode") as caught:
        read(bitcode, Limits())
    assert caught.value.code == "too_large"


PIECES = st.sampled_from(
    [*EXAMPLE.read_text().split(" "), "(", ")", "{", "}", '"', ",", "null", "ptr", "i64", "-1", "99999999999999999999",
     "call", "ret", "br", "label", "%0", "= ", "@x", "#0", "!dbg", "define", "\n", "\x00", "é"]
)  # fmt: skip


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(PIECES, max_size=8), st.integers(0, 400), st.integers(0, 40))
def test_a_damaged_program_is_read_or_refused(pieces: list[str], begin: int, removed: int) -> None:
    words = EXAMPLE.read_text().split(" ")
    words[begin : begin + removed] = pieces
    text = " ".join(words)
    try:
        language = parse(text).language
    except CircuitError as error:
        language = str(error)
    assert language


def test_the_same_program_in_openqasm_has_the_same_distribution() -> None:
    names = ["h__body", "s__adj", "t__adj", "sx__adj", "sx__body", "y__body", "z__body", "i__body"]
    turns = ["rxx__body", "ryy__body", "rzz__body"]
    lines = [
        gate("ry__body", 0, angle=0.4), gate("rx__body", 1, angle=1.1), gate("h__body", 2),
        *(gate(name, number % 3) for number, name in enumerate(names)),
        *(gate(name, number, (number + 1) % 3, angle=0.3 + number) for number, name in enumerate(turns)),
        gate("swap__body", 0, 2), gate("cy__body", 0, 1), gate("cz__body", 1, 2), gate("ccx__body", 2, 1, 0),
        call(f"{QIS}barrier__body"), gate("rz__body", 1, angle=-0.2), gate("h__body", 1), gate("sx__body", 0),
        *MEASURED, group("tuple", 2), group("array", 2), record(2, 0), record(1),
    ]  # fmt: skip
    text = module(*lines)
    written = as_openqasm(read(text.encode(), Limits()))
    assert ideal_distribution(parse(written)) == pytest.approx(ideal_distribution(parse(text)))
