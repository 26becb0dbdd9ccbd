OPENQASM 3.0;
// With eleven parameters or more, p_10 sorts before p_2.
include "stdgates.inc";
gate g(p_0, p_1, p_2, p_3, p_4, p_5, p_6, p_7, p_8, p_9, p_10, p_11) a, b { rx(p_2) a; rx(p_10) b; }
qubit[2] q;
bit[2] c;
g(0, 0, pi, 0, 0, 0, 0, 0, 0, 0, 0, 0) q[0], q[1];
c = measure q;
