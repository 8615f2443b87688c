"""Who is served, who waits, and in which order."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.limits import places as module
from portal.limits import table
from portal.limits.board import Board
from portal.limits.places import NoPlace, Places, Ticket
from portal.limits.table import IN_FLIGHT, LANES, WAITING_EACH, Lane, Priority

PATIENT, HASTY = 20.0, 0.05


@pytest.fixture
def places() -> Places:
    return Places(Board())


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long, unless the test makes them."""
    hold(monkeypatch, HASTY)


def hold(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    lanes = {p: Lane(lane.what, lane.places, seconds) for p, lane in LANES.items()}
    monkeypatch.setattr(module, "LANES", lanes)


def fill(places: Places, priority: Priority) -> list[Ticket]:
    return [places.enter(f"user:{n}", priority) for n in range(LANES[priority].places)]


def until_waiting(places: Places, number: int) -> None:
    for _ in range(2_000):
        if len(places._queue) == number:
            return
        threading.Event().wait(0.01)
    raise AssertionError(len(places._queue))


def test_no_more_are_served_than_the_pod_has_places_for(places: Places, wait: None) -> None:
    fill(places, Priority.CRITICAL)
    assert sum(places.board.totals()[0].values()) == IN_FLIGHT
    with pytest.raises(NoPlace, match="wait"):
        places.enter("user:x", Priority.CRITICAL)


@pytest.mark.parametrize("low", [p for p in Priority if p is not Priority.CRITICAL])
def test_what_is_above_keeps_places_that_a_flood_below_cannot_take(
    places: Places, wait: None, low: Priority
) -> None:
    fill(places, low)
    with pytest.raises(NoPlace, match="wait"):
        places.enter("user:x", low)
    above = [priority for priority in Priority if priority > low]
    for priority in above:
        places.enter("user:x", priority)


def test_what_is_below_has_no_place_while_the_house_is_full(places: Places, wait: None) -> None:
    fill(places, Priority.CRITICAL)
    for priority in Priority:
        with pytest.raises(NoPlace, match="wait"):
            places.enter("user:x", priority)


def test_while_it_comes_back_what_is_below_high_has_a_part_of_its_places(
    places: Places, wait: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.load, "eased", 1 / LANES[Priority.READ].places)
    places.enter("user:a", Priority.READ)
    with pytest.raises(NoPlace, match="wait"):
        places.enter("user:b", Priority.READ)
    places.enter("user:b", Priority.CRITICAL)


def test_whoever_leaves_makes_room_for_the_one_that_waits(
    places: Places, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, PATIENT)
    served = fill(places, Priority.READ)
    waiting = threads.submit(places.enter, "user:x", Priority.READ)
    until_waiting(places, 1)
    places.leave(served[0])
    assert waiting.result(PATIENT).who == "user:x"
    in_flight, still_waiting = places.board.totals()
    assert in_flight[Priority.READ] == LANES[Priority.READ].places
    assert sum(still_waiting.values()) == 0


def test_the_most_important_goes_first(
    places: Places, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, PATIENT)
    served = fill(places, Priority.CRITICAL)
    reader = threads.submit(places.enter, "user:a", Priority.READ)
    until_waiting(places, 1)
    urgent = threads.submit(places.enter, "user:b", Priority.CRITICAL)
    until_waiting(places, 2)
    places.leave(served[0])
    urgent.result(PATIENT)
    assert not reader.done()
    for ticket in served[1:]:
        places.leave(ticket)
    reader.result(PATIENT)


def test_one_callers_flood_does_not_fill_the_queue(
    places: Places, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, PATIENT)
    served = fill(places, Priority.READ)
    flood = [threads.submit(places.enter, "user:mad", Priority.READ) for _ in range(WAITING_EACH)]
    until_waiting(places, WAITING_EACH)
    with pytest.raises(NoPlace, match="share"):
        places.enter("user:mad", Priority.READ)
    other = threads.submit(places.enter, "user:calm", Priority.READ)
    until_waiting(places, WAITING_EACH + 1)
    # The next place goes to one of the flood, the one after it to who has none under way.
    places.leave(served[0])
    places.leave(served[1])
    assert other.result(PATIENT)
    done = [each.result() for each in flood if each.done()]
    for ticket in (*served[2:], *done):
        places.leave(ticket)
    for each in flood:
        if each not in done and not (each.done() and each.result() in done):
            places.leave(each.result(PATIENT))


def test_one_caller_below_high_has_half_of_the_places_at_most(places: Places, wait: None) -> None:
    for _ in range(LANES[Priority.READ].places // 2):
        places.enter("user:mad", Priority.READ)
    with pytest.raises(NoPlace, match="wait"):
        places.enter("user:mad", Priority.READ)
    places.enter("user:calm", Priority.READ)


def test_a_full_queue_makes_room_for_what_is_more_important(
    places: Places, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, PATIENT)
    monkeypatch.setattr(module, "WAITING", 2)
    served = fill(places, Priority.CRITICAL)
    threads.submit(places.enter, "user:r1", Priority.READ)
    until_waiting(places, 1)
    last = threads.submit(places.enter, "user:r2", Priority.READ)
    until_waiting(places, 2)
    with pytest.raises(NoPlace, match="queue"):
        places.enter("user:late", Priority.READ)
    urgent = threads.submit(places.enter, "user:b", Priority.CRITICAL)
    with pytest.raises(NoPlace, match="queue"):
        last.result(PATIENT)
    for ticket in served:
        places.leave(ticket)
    urgent.result(PATIENT)


def test_what_gives_way_first_has_the_fewest_places_and_waits_the_least() -> None:
    lanes = [LANES[priority] for priority in Priority]
    assert lanes == sorted(lanes, key=lambda lane: lane.places)
    assert [lane.wait for lane in lanes] == sorted(lane.wait for lane in lanes)
    assert lanes[-1].places == table.IN_FLIGHT
