OPENQASM 2.0;
// A condition may stand before a measurement.
include "qelib1.inc";
qreg q[1];
creg c[1];
x q[0];
if (c == 0) measure q[0] -> c[0];
