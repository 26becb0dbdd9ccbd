OPENQASM 3.0;
// A whole number that is given for a float is divided as one.
include "stdgates.inc";
const int two = 2;
def turn(float turns, qubit a) { rx(turns / 4 * pi) a; rx(pi / 2) a; }
qubit q;
bit c;
turn(two, q);
c = measure q;
