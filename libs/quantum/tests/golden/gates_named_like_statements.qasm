OPENQASM 2.0;
// Gates may have the names that libraries give to control flow.
include "qelib1.inc";
gate box a { x a; }
gate if_else a { x a; }
gate for_loop a { x a; }
gate while_loop a { x a; }
gate switch_case a { x a; }
gate store a { x a; }
gate break_loop a { x a; }
gate continue_loop a { x a; }
qreg q[8];
creg c[8];
box q[0];
if_else q[1];
for_loop q[2];
while_loop q[3];
switch_case q[4];
store q[5];
break_loop q[6];
continue_loop q[7];
measure q -> c;
