"""One list of attacks on a running stack: each gets in nowhere, and its refusal is in the audit trail."""
