OPENQASM 2.0;
// An own gate may have a library gate's name and other arguments.
gate h(t) a, b { U(t, 0, t) a; U(t, 0, t) b; }
qreg q[2];
creg c[2];
h(pi) q[0], q[1];
measure q -> c;
