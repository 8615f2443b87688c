"""RFC 6962 §2.1 as it is written there, recursively; slow, and what the package is held against."""

from functools import cache
from hashlib import sha256


class ReferenceTree:
    """The list D of the RFC. `mth(start, end)` is its `MTH(D[start:end])`, and so on."""

    def __init__(self, entries: list[bytes]) -> None:
        self.entries = entries
        self.mth = cache(self._mth)

    def leaf(self, index: int) -> bytes:
        return self.mth(index, index + 1)

    def leaves(self, start: int, end: int) -> list[bytes]:
        return [self.leaf(index) for index in range(start, end)]

    def node(self, level: int, index: int) -> bytes:
        return self.mth(index << level, (index + 1) << level)

    def _mth(self, start: int, end: int) -> bytes:
        n = end - start
        if n == 0:
            return sha256().digest()
        if n == 1:
            return sha256(b"\x00" + self.entries[start]).digest()
        k = largest_power_of_two_below(n)
        return sha256(b"\x01" + self.mth(start, start + k) + self.mth(start + k, end)).digest()

    def path(self, m: int, start: int, end: int) -> list[bytes]:
        """§2.1.1, `PATH(m, D[start:end])`."""
        n = end - start
        if n == 1:
            return []
        k = largest_power_of_two_below(n)
        if m < k:
            return [*self.path(m, start, start + k), self.mth(start + k, end)]
        return [*self.path(m - k, start + k, end), self.mth(start, start + k)]

    def proof(self, m: int, n: int) -> list[bytes]:
        """§2.1.2, `PROOF(m, D[0:n])`."""
        return self._subproof(m, 0, n, is_known=True)

    def _subproof(self, m: int, start: int, end: int, *, is_known: bool) -> list[bytes]:
        n = end - start
        if m == n:
            return [] if is_known else [self.mth(start, end)]
        k = largest_power_of_two_below(n)
        if m <= k:
            return [
                *self._subproof(m, start, start + k, is_known=is_known),
                self.mth(start + k, end),
            ]
        return [
            *self._subproof(m - k, start + k, end, is_known=False),
            self.mth(start, start + k),
        ]


def largest_power_of_two_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k
