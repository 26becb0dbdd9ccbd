OPENQASM 3.0;
// Gates may have the names that libraries give to control flow.
include "stdgates.inc";
gate if_else a { x a; }
gate for_loop a { x a; }
gate while_loop a { x a; }
gate switch_case a { x a; }
gate store a { x a; }
gate break_loop a { x a; }
gate continue_loop a { x a; }
qubit[7] q;
bit[7] c;
if_else q[0];
for_loop q[1];
while_loop q[2];
switch_case q[3];
store q[4];
break_loop q[5];
continue_loop q[6];
c = measure q;
