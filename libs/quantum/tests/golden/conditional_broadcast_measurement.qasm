OPENQASM 2.0;
// A condition is read once, before all bits of the statement that it guards.
include "qelib1.inc";
qreg q[2];
creg c[2];
x q;
if (c == 0) measure q -> c;
