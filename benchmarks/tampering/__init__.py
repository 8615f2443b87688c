"""What somebody with every right on the machine may do to the record, and how it comes out.

`make tamper` prints the table; the tests run the same cases.
"""

from benchmarks.tampering.archives import ARCHIVES
from benchmarks.tampering.case import Case
from benchmarks.tampering.copies import COPIES
from benchmarks.tampering.histories import HISTORIES
from benchmarks.tampering.journal import JOURNAL
from benchmarks.tampering.log import LOG
from benchmarks.tampering.rows import ROWS
from benchmarks.tampering.tree import TREE

CASES: tuple[Case, ...] = (*LOG, *TREE, *COPIES, *ROWS, *HISTORIES, *ARCHIVES, *JOURNAL)

__all__ = ["CASES", "Case"]
