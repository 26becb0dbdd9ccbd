/// One of three angles for each qubit, so that every result has another probability.
@EntryPoint()
operation Main() : (Result[], Result) {
    use (pair, single) = (Qubit[2], Qubit());
    Ry(0.6, pair[0]);
    CNOT(pair[0], pair[1]);
    Ry(2.2, single);
    CNOT(single, pair[0]);
    return (MResetEachZ(pair), MResetZ(single));
}
