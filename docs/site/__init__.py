"""The documentation as one site: pages and READMEs of this repository, and a reference from its code."""
