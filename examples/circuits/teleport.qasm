OPENQASM 3.0;
include "stdgates.inc";
// Moves ry(pi/3) from `message` to `bob` with two classical bits: `out` reads 1 in a quarter of the shots.
qubit message;
qubit alice;
qubit bob;
bit[1] z_fix;
bit[1] x_fix;
bit[1] out;
ry(pi / 3) message;
h alice;
cx alice, bob;
cx message, alice;
h message;
z_fix[0] = measure message;
x_fix[0] = measure alice;
if (x_fix[0]) {
  x bob;
}
if (z_fix[0]) {
  z bob;
}
out[0] = measure bob;
