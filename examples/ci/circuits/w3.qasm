// One excitation shared by three qubits: 001, 010 and 100, a third each.
OPENQASM 2.0;
include "qelib1.inc";
gate share(theta) a, b {
  ry(theta / 2) b;
  cz a, b;
  ry(-theta / 2) b;
  cx b, a;
}
qreg q[3];
creg c[3];
x q[0];
share(2 * 0.9553166181245093) q[0], q[1];
share(pi / 2) q[1], q[2];
measure q -> c;
