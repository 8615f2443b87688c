"""A process whose memory keeps growing is noticed; one that is only busy is not."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from portal.limits import reports, watching
from portal.limits.growth import MIB, Growth, Limits

QUICK = Limits(every=0.05, window=3.0, young=0.2, per_hour=48 * MIB)
# Takes and keeps 1 MiB each time a line is read.
LEAKS = "import sys; kept = [bytearray(2**20) for _ in iter(sys.stdin.readline, '')]"


def grown(sizes: list[float]) -> Growth:
    growth = Growth(Limits(every=1, window=1000, young=0, per_hour=48 * MIB))
    for at, size in enumerate(sizes):
        growth.note(at * 10.0, size)
    return growth


def test_a_steady_slope_is_a_leak() -> None:
    growth = grown([100 * MIB + n * MIB for n in range(100)])
    assert growth.per_hour == pytest.approx(360 * MIB)
    assert growth.is_leak


@pytest.mark.parametrize(
    "sizes",
    [
        [100 * MIB] * 100,
        [100 * MIB] * 50 + [300 * MIB] * 50,  # one large export
        [100 * MIB + (n % 10) * 20 * MIB for n in range(100)],  # busy, and back
        [300 * MIB - n * MIB for n in range(100)],
        [100 * MIB + n * MIB / 100 for n in range(100)],  # 3.6 MiB an hour
    ],
)
def test_what_stops_comes_back_or_hardly_grows_is_none(sizes: list[float]) -> None:
    assert not grown(sizes).is_leak


def test_what_a_young_process_fills_says_nothing() -> None:
    growth = Growth(Limits(every=1, window=100, young=1000, per_hour=1))
    for at in range(100):
        growth.note(at * 10.0, at * MIB)
    assert growth.per_hour == 0


def test_a_process_that_really_leaks_is_found() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEAKS], stdin=subprocess.PIPE, text=True
    ) as leaking:
        process, growth = psutil.Process(leaking.pid), Growth(QUICK)
        assert leaking.stdin is not None
        # By a clock of the test's own: how fast this machine is says nothing.
        for number in range(60):
            leaking.stdin.write("\n" * 4)
            leaking.stdin.flush()
            _until_read(process, before=number)
            growth.note(number * QUICK.every, process.memory_info().rss)
        assert growth.is_leak
        leaking.stdin.close()


def _until_read(process: psutil.Process, *, before: int) -> None:
    for _ in range(1000):
        if process.memory_info().rss > 4 * (before + 1) * MIB:
            return
        threading.Event().wait(0.005)
    raise AssertionError(before)


def test_each_process_reports_itself_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "directory", lambda: tmp_path)
    stop = threading.Event()
    thread = threading.Thread(target=watching.keep_looking, args=(QUICK, stop))
    thread.start()
    while not (found := reports.read()):
        stop.wait(0.01)
    stop.set()
    thread.join()
    assert found[0].pid == psutil.Process().pid
    # Whoever has its number now is somebody else.
    path = tmp_path / f"{found[0].pid}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "begun": 1.0}))
    assert reports.read() == []
    assert not path.exists()


def test_a_report_that_cannot_be_read_takes_no_other_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "directory", lambda: tmp_path)
    me = psutil.Process()
    (tmp_path / "1.json").write_text("{")
    reports.write(reports.Report("web", me.pid, me.create_time(), 1.0, 0.0, is_leak=False))
    assert [report.pid for report in reports.read()] == [me.pid]
