OPENQASM 3.0;
include "stdgates.inc";
// Four spins in a transverse field, five equal time steps in a loop.
gate zz(t) a, b {
  cx a, b;
  rz(2 * t) b;
  cx a, b;
}
qubit[4] spin;
bit[4] c;
for int step in [1:5] {
  zz(0.2) spin[0], spin[1];
  zz(0.2) spin[1], spin[2];
  zz(0.2) spin[2], spin[3];
  rx(0.4) spin;
}
c = measure spin;
