"""Transparency log proofs, pure: no Django, no database, no clock, no files.

Hashing follows RFC 6962 §2.1; the formats are C2SP signed-note, tlog-checkpoint, tlog-tiles and
tlog-proof. Sizes and indexes count leaves, ranges are half-open: `[start, end)`. Whatever cannot
be parsed or verified raises a `ProofError`, and is refused.
"""
