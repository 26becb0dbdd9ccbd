"""The demo: a complete quantum cloud on a laptop, in half a minute."""
