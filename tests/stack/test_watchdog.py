import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from portal.watchdog import Finding, Probe, State, Watchdog, read_report


class Changing:
    """A probe that finds whatever the test last told it to find."""

    def __init__(self) -> None:
        self.finds: Finding | BaseException = Finding(State.OK)

    def __call__(self) -> Finding:
        if isinstance(self.finds, BaseException):
            raise self.finds
        return self.finds


@pytest.fixture
def thing() -> Changing:
    return Changing()


@pytest.fixture
def dog(thing: Changing, tmp_path: Path) -> Watchdog:
    return Watchdog(probes=[Probe("thing", thing)], state_file=tmp_path / "watchdog.json")


def test_writes_down_what_it_saw_and_since_when(dog: Watchdog, tmp_path: Path) -> None:
    first = dog.beat()
    second = dog.beat()
    assert second.beat_at > first.beat_at
    assert second.probes["thing"].since == first.beat_at
    assert read_report(tmp_path / "watchdog.json") == second
    assert [path.name for path in tmp_path.iterdir()] == ["watchdog.json"]


def test_says_each_change_once(dog: Watchdog, thing: Changing) -> None:
    with capture_logs() as logs:
        dog.beat()
        thing.finds = ConnectionRefusedError("nobody\nlistens")
        dog.beat()
        dog.beat()
        thing.finds = Finding(State.WARNING, "better")
        dog.beat()
        thing.finds = Finding(State.OK)
        dog.beat()
        dog.beat()
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("error", "probe fails"),
        ("warning", "probe warns"),
        ("info", "probe recovered"),
    ]
    assert logs[0]["detail"] == "ConnectionRefusedError: nobody listens"
    assert logs[2]["before"] == "warning"


def test_a_state_dates_from_its_first_sight(dog: Watchdog, thing: Changing) -> None:
    dog.beat()
    thing.finds = Finding(State.FAILING, "first")
    fell = dog.beat()
    thing.finds = Finding(State.FAILING, "still")
    later = dog.beat()
    assert later.probes["thing"].since == fell.beat_at
    assert later.probes["thing"].detail == "still"


def test_is_never_held_up_by_a_probe_that_hangs(tmp_path: Path) -> None:
    let_go = threading.Event()
    looks = []

    def hangs() -> Finding:
        looks.append(1)
        let_go.wait(30)
        return Finding(State.OK)

    probes = [Probe("hangs", hangs, timeout=0.1), Probe("well", lambda: Finding(State.OK))]
    dog = Watchdog(probes=probes, state_file=tmp_path / "watchdog.json")
    begun = time.monotonic()
    for _ in range(3):
        report = dog.beat()
        assert report.probes["hangs"].state is State.FAILING
        assert report.probes["hangs"].detail == "no answer in 0.1 s"
        assert report.probes["well"].state is State.OK
    assert time.monotonic() - begun < 2
    assert looks == [1], "a look that still hangs is not joined by another"
    let_go.set()
    time.sleep(0.1)
    assert dog.beat().probes["hangs"].state is State.OK


@pytest.mark.parametrize("error", [RuntimeError("x"), SystemExit(1), MemoryError(), ImportError()])
def test_survives_whatever_a_probe_raises(
    dog: Watchdog, thing: Changing, error: BaseException
) -> None:
    thing.finds = error
    assert dog.beat().probes["thing"].state is State.FAILING


def test_goes_on_when_it_cannot_write(thing: Changing, tmp_path: Path) -> None:
    dog = Watchdog(probes=[Probe("thing", thing)], state_file=tmp_path / "gone" / "watchdog.json")
    with capture_logs() as logs:
        dog.beat()
        dog.beat()
    assert [line["event"] for line in logs] == ["state file cannot be written"]


def test_runs_until_it_is_stopped(dog: Watchdog, tmp_path: Path) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=dog.run, args=(stop,), kwargs={"interval": 0.05})
    thread.start()
    time.sleep(0.3)
    stop.set()
    thread.join(1)
    assert not thread.is_alive()
    report = read_report(tmp_path / "watchdog.json")
    assert report
    assert report.probes["thing"].since < report.beat_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"beat_at": 3, "probes": {}}',
        json.dumps({"beat_at": "2026-01-01T00:00:00+00:00", "probes": {"x": {"state": "odd"}}}),
    ],
)
def test_a_file_that_cannot_be_read_is_no_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "watchdog.json").write_text(text)
    assert read_report(tmp_path / "watchdog.json") is None
    assert read_report(tmp_path / "nowhere.json") is None
