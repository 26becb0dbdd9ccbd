// A pair of qubits whose entanglement grows with theta; `input` leaves the angle to each run.
OPENQASM 3.0;
include "stdgates.inc";
input float[64] theta;
qubit[2] q;
bit[2] c;
ry(theta) q[0];
cx q[0], q[1];
c = measure q;
