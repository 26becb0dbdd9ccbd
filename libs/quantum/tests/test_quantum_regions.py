"""Regions of several circuits on one device: apart, connected, and the same each time."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_quantum import open_backend
from queuebit_quantum.regions import Device, Region, choose_regions, device_of

ERRORS = st.one_of(st.none(), st.floats(0, 1))


@st.composite
def devices(draw: st.DrawFn) -> tuple[Device, dict[tuple[int, int], float | None]]:
    """A device with up to 24 qubits, any couplers between them, and errors from none known to failed."""
    count = draw(st.integers(1, 24))
    readout = {qubit: draw(ERRORS) for qubit in range(count)}
    pairs = [*combinations(range(count), 2)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * count)) if pairs else []
    couplers = {pair: draw(ERRORS) for pair in chosen}
    return Device.of(readout, couplers), couplers


SIZES = st.lists(st.integers(1, 6), max_size=8)


def is_connected(device: Device, region: Region) -> bool:
    reached, left = {region[0]}, [region[0]]
    while left:
        qubit = left.pop()
        for pair in device.couplers:
            if qubit in pair and {*pair} <= {*region} and not {*pair} <= reached:
                (other,) = {*pair} - {qubit}
                reached.add(other)
                left.append(other)
    return reached == {*region}


@given(devices(), SIZES)
def test_regions_are_connected_and_have_an_idle_qubit_between_them(
    known: tuple[Device, dict[tuple[int, int], float | None]], sizes: list[int]
) -> None:
    device, couplers = known
    regions = choose_regions(device, sizes)
    assert len(regions) == len(sizes)
    for size, region in zip(sizes, regions, strict=True):
        if region is not None:
            assert len({*region}) == len(region) == size
            assert {*region} <= device.qubits.keys()
            assert is_connected(device, region)
    for one, other in combinations([it for it in regions if it is not None], 2):
        assert not {*one} & {*other}
        assert not any({*pair} & {*one} and {*pair} & {*other} for pair in couplers), "not even by a failed coupler"


@given(devices(), SIZES)
def test_the_choice_depends_on_the_device_and_the_sizes_only(
    known: tuple[Device, dict[tuple[int, int], float | None]], sizes: list[int]
) -> None:
    device, _ = known
    again = Device(
        dict(reversed([*device.qubits.items()])), dict(reversed([*device.couplers.items()])), device.neighbours
    )
    assert choose_regions(device, sizes) == choose_regions(again, sizes)


@given(devices(), SIZES)
def test_circuits_without_room_are_left_out_only_if_no_choice_was_found(
    known: tuple[Device, dict[tuple[int, int], float | None]], sizes: list[int]
) -> None:
    device, _ = known
    regions = choose_regions(device, sizes)
    for size, region in zip(sizes, regions, strict=True):
        if region is None:
            used = {it for other in regions if other is not None for it in other}
            blocked = used | {near for it in used for near in device.neighbours[it]}
            free = {it: cost for it, cost in device.qubits.items() if it not in blocked}
            assert choose_regions(Device(free, device.couplers, device.neighbours), [size]) == (None,)


def line(errors: list[float | None], readout: list[float | None] | None = None) -> Device:
    count = len(errors) + 1
    return Device.of(
        dict(enumerate(readout or [0.01] * count)), {(qubit, qubit + 1): it for qubit, it in enumerate(errors)}
    )


@pytest.mark.parametrize(
    ("errors", "sizes", "regions"),
    [
        ([0.01] * 4, [2, 2], [(0, 1), (3, 4)]),
        ([0.01] * 3, [2, 2], [(0, 1), None]),  # there is no room for an idle qubit
        ([0.02, 0.01, 0.02, 0.02], [2, 2], [(0, 1), (3, 4)]),  # the best region leaves no room: the next best is taken
        ([0.03, 0.02, 0.01, 0.03], [2], [(2, 3)]),
        ([0.02, 0.02, 0.02, 0.01], [1, 3], [(0,), (2, 3, 4)]),  # the largest chooses first
        ([0.01, 1.0, 0.01], [3], [None]),  # a failed coupler connects nothing
        ([0.2, None, 0.01], [2], [(2, 3)]),
    ],
)
def test_a_line_of_qubits(errors: list[float | None], sizes: list[int], regions: list[Region | None]) -> None:
    assert [*choose_regions(line(errors), sizes)] == regions


def test_a_qubit_that_cannot_be_measured_is_in_no_region() -> None:
    assert choose_regions(line([0.01] * 3, [0.01, 1.0, 0.01, 0.01]), [2, 2]) == ((2, 3), None)


def test_a_circuit_without_qubits_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one qubit"):
        choose_regions(line([0.01]), [0])


@pytest.mark.parametrize(("id_", "circuits"), [("emulated-ibm-torino", 20), ("emulated-ibm-perth", 2)])
def test_a_real_device_has_room_for_several_circuits(id_: str, circuits: int) -> None:
    calibration = open_backend(id_).calibrate()
    assert calibration is not None
    regions = choose_regions(device_of(calibration), [3] * circuits)
    assert all(it is not None for it in regions)
