"""Who is served now, who waits, and whose turn is next: highest priority first, and within one the
caller who has the least under way, so that nobody's flood keeps others out.

Each process grants to its own; what all of them have under way is on the board.
"""

from dataclasses import dataclass, field
from itertools import count
from threading import Event, RLock

from portal.lib.resilience import clock
from portal.limits.board import Board
from portal.limits.load import load
from portal.limits.table import IN_FLIGHT, LANES, WAITING, WAITING_EACH, Priority

# A place that another process gives back is noticed after so many seconds.
LOOK_EVERY = 0.1
_numbers = count()


class NoPlace(Exception):
    """`reason` is `queue` where it is full, `share` where the caller's part of it is, `wait` where no
    place came free in time."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(eq=False, slots=True)
class Ticket:
    who: str
    priority: Priority
    number: int = field(default_factory=lambda: next(_numbers))
    called: Event = field(default_factory=Event)
    is_put_out: bool = False


class Places:
    """Takes its own lock first, then the board's."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._lock = RLock()
        self._queue: list[Ticket] = []
        self._under_way: dict[str, int] = {}
        self._looked_at = float("-inf")

    def enter(self, who: str, priority: Priority) -> Ticket:
        """Waits for a place where there is none. Raises `NoPlace`; give the ticket to `leave`."""
        ticket = Ticket(who, priority)
        with self._lock, self.board.locked():
            is_first = all(other.priority < priority for other in self._queue)
            if is_first and self._is_free(ticket):
                self._let_in(ticket)
                return ticket
            self._line_up(ticket)
        until = clock.monotonic() + LANES[priority].wait
        while not ticket.called.wait(min(max(until - clock.monotonic(), 0), LOOK_EVERY)):
            is_late = clock.monotonic() >= until
            # One of those that wait looks for all of them.
            if is_late or clock.monotonic() - self._looked_at >= LOOK_EVERY:
                self._look(ticket, is_late=is_late)
        if ticket.is_put_out:
            raise NoPlace("queue")
        return ticket

    def _look(self, ticket: Ticket, *, is_late: bool) -> None:
        with self._lock, self.board.locked():
            self._call_next()
            if is_late and not ticket.called.is_set():
                self._step_out(ticket)
                raise NoPlace("wait")

    def leave(self, ticket: Ticket) -> None:
        with self._lock, self.board.locked():
            self.board.in_flight[ticket.priority] -= 1
            left = self._under_way.pop(ticket.who) - 1
            if left:
                self._under_way[ticket.who] = left
            self._call_next()

    def _line_up(self, ticket: Ticket) -> None:
        of_whom = sum(other.who == ticket.who for other in self._queue)
        if of_whom >= (WAITING // 2 if ticket.priority >= Priority.HIGH else WAITING_EACH):
            raise NoPlace("share")
        _in_flight, waiting = self.board.totals()
        if sum(waiting.values()) >= WAITING:
            # Whoever came last among the least important makes room.
            last = min(self._queue, key=lambda other: (other.priority, -other.number), default=None)
            if last is None or last.priority >= ticket.priority:
                raise NoPlace("queue")
            self._step_out(last)
            last.is_put_out = True
            last.called.set()
        self._queue.append(ticket)
        self.board.waiting[ticket.priority] += 1

    def _step_out(self, ticket: Ticket) -> None:
        self._queue.remove(ticket)
        self.board.waiting[ticket.priority] -= 1

    def _is_free(self, ticket: Ticket) -> bool:
        return self._free(ticket.priority) > 0 and self._has_share(ticket)

    def _free(self, priority: Priority) -> int:
        in_flight, _waiting = self.board.totals()
        below = sum(number for each, number in in_flight.items() if each <= priority)
        places = LANES[priority].places
        if priority < Priority.HIGH:
            places = int(places * load.eased)
        return min(places - below, IN_FLIGHT - sum(in_flight.values()))

    def _has_share(self, ticket: Ticket) -> bool:
        """Below `HIGH`, nobody has more than half of the places."""
        most = max(LANES[ticket.priority].places // 2, 1)
        return ticket.priority >= Priority.HIGH or self._under_way.get(ticket.who, 0) < most

    def _let_in(self, ticket: Ticket) -> None:
        self.board.in_flight[ticket.priority] += 1
        self._under_way[ticket.who] = self._under_way.get(ticket.who, 0) + 1

    def _call_next(self) -> None:
        self._looked_at = clock.monotonic()
        for priority in reversed(Priority):
            mine = [ticket for ticket in self._queue if ticket.priority is priority]
            free = self._free(priority) if mine else 0
            while free > 0 and (able := [ticket for ticket in mine if self._has_share(ticket)]):
                ticket = min(able, key=self._turn)
                mine.remove(ticket)
                self._step_out(ticket)
                self._let_in(ticket)
                ticket.called.set()
                free -= 1

    def _turn(self, ticket: Ticket) -> tuple[int, int]:
        return self._under_way.get(ticket.who, 0), ticket.number
