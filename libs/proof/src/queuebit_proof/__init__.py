"""Statements, signatures, the transparency log and receipts."""
