"""The ledger: a Merkle transparency log of every decision and change (RFC 6962, C2SP)."""
