// Finds the hidden string 1011 with one query: `data` reads 1011, always.
OPENQASM 2.0;
include "qelib1.inc";
qreg q[4];
qreg ancilla[1];
creg data[4];
x ancilla[0];
h q;
h ancilla[0];
cx q[0], ancilla[0];
cx q[1], ancilla[0];
cx q[3], ancilla[0];
h q;
measure q -> data;
