"""The demo: a whole quantum cloud on a laptop, in half a minute."""
