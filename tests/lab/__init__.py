"""Makes the data of the laboratory for scheduling policies: `python -m tests.lab.extract`."""
