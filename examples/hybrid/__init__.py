"""Small programs in the style of the tutorials for Qiskit's primitives; only imports and the service are Queuebit's."""
