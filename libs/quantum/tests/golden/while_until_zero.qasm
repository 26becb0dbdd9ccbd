OPENQASM 3.0;
// A loop may run as long as a bit is set.
include "stdgates.inc";
qubit q;
bit c;
x q;
c = measure q;
while (c) { x q; c = measure q; }
