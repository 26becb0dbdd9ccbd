"""Price book, quotes and charges in exact decimals."""
