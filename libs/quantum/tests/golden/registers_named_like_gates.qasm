OPENQASM 2.0;
// Without an include, p and u are names like any other.
qreg p[1];
qreg u[1];
creg c[2];
U(pi, 0, pi) u[0];
measure p[0] -> c[0];
measure u[0] -> c[1];
