OPENQASM 3.0;
qubit[1] q;
h q[0];
#pragma braket noise depolarizing(0.1) q[0]
#pragma braket result probability all
