OPENQASM 3.0;
// Constants and integers may stand in angles, sizes and indices.
include "stdgates.inc";
const uint n = 3;
const float quarter = pi / 4;
qubit[n] q;
bit[n] c;
int k = 4;
rx(k * quarter) q[n - 1];
c = measure q;
