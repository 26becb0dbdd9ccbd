OPENQASM 3.0;
bit[2] b;
#pragma braket verbatim
box{
x $1;
v $1;
cnot $1, $2;
rz(0.0) $2;
}
b[0] = measure $1;
b[1] = measure $2;
