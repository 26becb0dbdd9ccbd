"""The whole core in one process: real services over a bus in memory, in virtual time, with faults by seed."""
