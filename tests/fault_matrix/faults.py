"""How each fault begins, and how it ends."""

import contextlib
import threading
from collections.abc import Iterator

import psutil

from tests.fault_matrix.house import House
from tests.fault_matrix.table import Cell
from tests.faulty_proxy import Mode

FLAP = 4.0
WATCH = 0.05


@contextlib.contextmanager
def fault(house: House, cell: Cell) -> Iterator[None]:
    with contextlib.ExitStack() as faults:
        for name in cell.dependency.behind:
            house.proxies[name].set(cell.mode, delay=delay_of(cell))
            faults.callback(house.proxies[name].set, Mode.PASS)
        for name in cell.dependency.processes:
            faults.enter_context(_process(house, name, cell.mode))
        if cell.dependency.provokes:
            faults.enter_context(_killed(house, cell.dependency.provokes, WATCH))
        yield


def delay_of(cell: Cell) -> float:
    return cell.dependency.delay if cell.mode is Mode.SLOW else 0.0


def _process(house: House, name: str, mode: Mode) -> contextlib.AbstractContextManager[None]:
    if mode is Mode.SLOW:
        return _hangs(house, name)
    return _killed(house, name, WATCH if mode is Mode.DOWN else FLAP)


@contextlib.contextmanager
def _killed(house: House, name: str, every: float) -> Iterator[None]:
    """Held down: killed with all that it started, as often as the supervisor starts it again."""
    is_over = threading.Event()

    def kill() -> None:
        while not is_over.is_set():
            for each in _family(house, name):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            is_over.wait(every)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextlib.contextmanager
def _hangs(house: House, name: str) -> Iterator[None]:
    """Stopped, and there all the same. Of the web processes one of them."""
    family = _family(house, name)
    stopped = family[1:2] if name == "web" else family
    for each in stopped:
        each.suspend()
    try:
        yield
    finally:
        for each in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()


def _family(house: House, name: str) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        if found := house.installation.child(name):
            return [found, *found.children(recursive=True)]
    return []
