OPENQASM 3.0;
// The one built-in gate of OpenQASM 3.
qubit q;
bit c;
U(pi, 0, pi) q;
c = measure q;
