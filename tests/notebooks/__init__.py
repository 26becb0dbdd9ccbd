"""Public notebooks and scripts, run on a stack and on their own simulator, and compared."""
