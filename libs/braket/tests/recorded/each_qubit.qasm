OPENQASM 3.0;
qubit[2] q;
ry(0.7) q[0];
cnot q[0], q[1];
#pragma braket unitary([[0.6, 0.8], [0.8im, -0.6im]]) q[1]
#pragma braket result expectation z all
#pragma braket result sample 2.5 * z(q[1])
#pragma braket result probability all
