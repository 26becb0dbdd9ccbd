"""The validator of the FOCUS project reads an invoice's export: `make focus`."""
