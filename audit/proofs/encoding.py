"""Base64 (RFC 4648 §4) and decimals, each value with one accepted spelling.

Signatures and digests cover bytes, so a second spelling of the same value would let a text be
changed without its meaning being changed.
"""

import base64
import re

from audit.proofs.errors import ProofError

MAX_SIZE = 2**63 - 1
"""The largest tree size; it fits a signed 64-bit integer."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Padded standard base64 without white space or stray bits: `QQ==`, but not `QR==`."""
    try:
        data = base64.b64decode(text)
    except ValueError as error:
        raise ProofError("not base64") from error
    if encode_base64(data) != text:  # b64decode skips foreign characters and drops stray bits.
        raise ProofError("not canonical base64")
    return data


def decode_decimal(text: str) -> int:
    """An integer in `[0, MAX_SIZE]`, without a sign or leading zeros: `0`, `42`."""
    if not _DECIMAL.fullmatch(text) or (number := int(text)) > MAX_SIZE:
        raise ProofError("not a decimal without leading zeros in [0, 2^63)")
    return number
