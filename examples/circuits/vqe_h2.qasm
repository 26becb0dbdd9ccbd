// A two-qubit ansatz with one angle, near the ground state of molecular hydrogen: mostly 01, a little 10.
OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
x q[0];
ry(pi / 2) q[1];
rx(-pi / 2) q[0];
ry(-pi / 2) q[1];
rx(pi / 2) q[0];
ry(-0.2267) q[1];
cx q[1], q[0];
measure q -> c;
