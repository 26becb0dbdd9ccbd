"""Records a statement about every job in the transparency log, and signs receipts."""
