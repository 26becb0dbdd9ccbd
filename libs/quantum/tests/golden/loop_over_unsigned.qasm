OPENQASM 3.0;
// The loop variable may be unsigned, and index a register.
include "stdgates.inc";
qubit[3] q;
bit[3] c;
for uint i in [0:2:2] { x q[i]; }
c = measure q;
