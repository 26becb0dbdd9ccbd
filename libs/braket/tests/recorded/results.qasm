OPENQASM 3.0;
input float turn;
qubit[3] q;
h q[0];
cnot q[0], q[1];
ry(turn) q[2];
xy(0.4) q[1], q[2];
iswap q[0], q[2];
v q[1];
#pragma braket result probability q[2], q[0]
#pragma braket result expectation z(q[0]) @ x(q[1])
#pragma braket result expectation y(q[2])
#pragma braket result variance h(q[1])
#pragma braket result expectation hermitian([[1+0im, 0.5-1im], [0.5+1im, -2+0im]]) q[0]
