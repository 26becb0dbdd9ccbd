OPENQASM 3.0;
// Parameters are bound in the order of their declaration, not of their names.
include "stdgates.inc";
gate g(theta, phi) a { ry(theta) a; rz(phi) a; }
qubit q;
bit c;
g(pi, 0) q;
c = measure q;
