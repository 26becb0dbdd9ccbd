"""Folders of OpenQASM files, run by Queuebit and by plain Qiskit Aer, and compared."""
