"""Retention: partitions of the record that have had their time go into sealed archives.

The log keeps all its hashes, so roots, checkpoints and proofs stand as they are; an archive holds
the entries, and can be checked by anybody against any checkpoint that covers it.
"""
