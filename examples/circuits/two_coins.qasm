// A qubit is measured, reset and used again: `first` and `second` are fair and independent coins.
OPENQASM 2.0;
include "qelib1.inc";
qreg q[1];
creg first[1];
creg second[1];
h q[0];
measure q[0] -> first[0];
reset q[0];
h q[0];
measure q[0] -> second[0];
