OPENQASM 3.0;
// An ideal program's delays change nothing.
include "stdgates.inc";
qubit[2] q;
bit[2] c;
x q[0];
delay[100ns] q[0];
delay[16dt] q[1];
c = measure q;
