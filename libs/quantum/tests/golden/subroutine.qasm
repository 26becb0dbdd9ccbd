OPENQASM 3.0;
// A subroutine acts on the qubits it is given and returns what it measured.
include "stdgates.inc";
def flip(qubit a) -> bit { x a; return measure a; }
qubit[2] q;
bit[2] c;
c[1] = flip(q[1]);
