OPENQASM 3.0;
// The standard library's u3 has a phase, exp(-i*(theta + phi + lambda)/2), that a control makes visible.
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
ctrl @ u3(0, pi, pi) q[0], q[1];
h q[0];
c = measure q;
