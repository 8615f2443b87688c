"""The governance gate, the ledger, and the proofs: who decided what, and the record of it."""
