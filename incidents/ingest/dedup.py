"""The dedup key of an alert that brings none."""

import hashlib

import rfc8785


def labels_key(labels: dict[str, str]) -> str:
    """SHA-256, in hexadecimal, of the labels as RFC 8785 canonical JSON."""
    return hashlib.sha256(rfc8785.dumps(labels)).hexdigest()
