"""A release: the wheels of all members, the lock of `queuebit[stack]`, its bill of materials, and one signature."""
