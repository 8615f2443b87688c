from pathlib import Path

import pytest

from portal.stack.logfile import KEPT, LogFile


def test_keeps_a_bounded_number_of_bounded_files(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "web.log", largest=100)
    for number in range(100):
        log.write(f"line {number:03} {'x' * 10}\n".encode())
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == ["web.log", *(f"web.log.{n}" for n in range(1, KEPT + 1))]
    assert all(f.stat().st_size <= 100 for f in files)
    assert "line 099" in (tmp_path / "web.log").read_text()


def test_goes_on_where_it_left_off(tmp_path: Path) -> None:
    for _ in range(2):
        log = LogFile(tmp_path / "web.log", largest=10)
        log.write(b"1234567\n")
        log.close()
    assert (tmp_path / "web.log").read_text() == (tmp_path / "web.log.1").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "web.log").symlink_to("/dev/full")
    log = LogFile(tmp_path / "web.log")
    log.write(b"lost\n")
    log.close()
