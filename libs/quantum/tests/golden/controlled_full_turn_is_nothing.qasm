OPENQASM 3.0;
// By the specification of OpenQASM 3, U(2*pi, 0, 0) is the identity, so a control sees no phase.
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
ctrl @ U(2*pi, 0, 0) q[0], q[1];
h q[0];
c = measure q;
