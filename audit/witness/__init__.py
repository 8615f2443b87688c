"""Witnesses: others vouch that our log was never forked, and we vouch for theirs.

A witness (C2SP tlog-witness) remembers the latest checkpoint of each log that it knows and cosigns a
new one only if it continues that one. Who checks cosignatures need not trust the log alone.
"""
