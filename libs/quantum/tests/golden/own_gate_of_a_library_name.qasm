OPENQASM 2.0;
// A program's own definition counts, whatever a library makes of the name.
gate x a { }
qreg q[1];
creg c[1];
x q[0];
measure q[0] -> c[0];
