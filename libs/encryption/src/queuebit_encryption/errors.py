"""What can be wrong with a ciphertext."""

__all__ = ["BadCiphertext"]


class BadCiphertext(ValueError):
    """It does not decrypt: another key, another context, an unknown algorithm, or a changed or shortened text."""
