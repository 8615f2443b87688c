"""A long check says how far it has come, on a terminal and elsewhere."""

import io

from audit.ledger.progress import EVERY, ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_ends_its_line() -> None:
    stream = Terminal()
    bar = ProgressBar(stream)
    bar("rows", 1, 2)  # too soon after the beginning
    bar("rows", 2, 2)
    assert stream.getvalue() == "\rrows     " + "█" * 30 + " 2/2\n"


def test_anything_else_gets_a_line_now_and_then() -> None:
    now = 0.0
    stream = io.StringIO()
    bar = ProgressBar(stream, clock=lambda: now)
    for second in range(int(EVERY[False]) * 2 + 5):
        now = float(second)
        bar("rows", second, 1000)
    assert stream.getvalue().splitlines() == ["rows: 1%, 10 of 1,000", "rows: 2%, 20 of 1,000"]


def test_a_short_check_says_nothing_in_a_pipe() -> None:
    stream = io.StringIO()
    ProgressBar(stream)("rows", 5, 5)
    assert stream.getvalue() == ""
