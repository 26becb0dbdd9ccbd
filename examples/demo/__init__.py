"""The demo: a whole quantum cloud on a laptop, in about a minute."""
