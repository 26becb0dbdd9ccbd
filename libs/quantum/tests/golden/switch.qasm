OPENQASM 3.1;
// A switch takes the case that lists its value.
include "stdgates.inc";
qubit[2] q;
bit[2] c;
int n = 2;
switch (n) { case 0, 1 { x q[0]; } case 2 { x q[1]; } default { x q; } }
c = measure q;
