import sys
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incidents.models import Incident
from incidents.procedure import OPEN
from incidents.replay import Clock, Replayed, replay


class Command(BaseCommand):
    help = "replay: judge SLA clocks again from their stored legs."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        again = commands.add_parser("replay", help="exit 1 where something differs")
        again.add_argument("numbers", nargs="*", help="INC-1042 …; default: all open incidents")
        again.add_argument("--all", action="store_true", help="all incidents there ever were")
        again.add_argument("--at", help="as of an instant, as 2026-02-12T18:30:00Z; default: now")
        again.add_argument("--quiet", action="store_true", help="only what differs")

    def handle(
        self, *args: Any, numbers: list[str], at: str | None, quiet: bool, **options: Any
    ) -> None:
        instant, clocks, differences = _instant(at), 0, 0
        for incident in _asked(numbers, is_all=options["all"]).iterator(chunk_size=500):
            found = replay(incident, instant)
            clocks += len(found.clocks)
            differences += len(found.all_differences)
            self._tell(found, quiet=quiet)
        self.stdout.write(f"{clocks} clocks judged again, {differences} differences")
        if differences:
            sys.exit(1)

    def _tell(self, found: Replayed, *, quiet: bool) -> None:
        number = found.incident.number
        for what in found.all_differences:
            self.stdout.write(f"{number} differs: {what}")
        for clock in () if quiet else found.clocks:
            self.stdout.write(f"{number} {_line(clock)}")


def _line(clock: Clock) -> str:
    verdict = clock.verdict
    words = [f"{clock.kind} {clock.cycle}: {verdict.state}"]
    if verdict.target_at is not None:
        words.append(f"due {verdict.target_at:%Y-%m-%dT%H:%M:%SZ}")
    if verdict.breached_at is not None:
        words.append(f"breached {verdict.breached_at:%Y-%m-%dT%H:%M:%SZ}")
    legs = ", ".join(f"{leg.began_at:%H:%M:%S} {leg.phase} {leg.severity}" for leg in clock.legs)
    return f"{', '.join(words)} ({legs})"


def _asked(numbers: list[str], *, is_all: bool) -> QuerySet[Incident]:
    if not numbers:
        every = Incident.objects.order_by("pk")
        return every if is_all else every.filter(state__in=OPEN)
    wanted = [number.upper().removeprefix("INC-") for number in numbers]
    if wrong := [n for n, key in zip(numbers, wanted, strict=True) if not _is_key(key)]:
        msg = f"{wrong[0]} is no number of an incident, such as INC-1042."
        raise CommandError(msg, returncode=2)
    found = Incident.objects.filter(pk__in=wanted).order_by("pk")
    if missing := {int(key) for key in wanted} - set(found.values_list("pk", flat=True)):
        msg = f"There is no INC-{min(missing)}."
        raise CommandError(msg, returncode=2)
    return found


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19  # noqa: PLR2004 - digits that fit


def _instant(text: str | None) -> datetime:
    if text is None:
        return timezone.now()
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        msg = f"--at {text} is no instant with its zone, such as 2026-02-12T18:30:00Z."
        raise CommandError(msg, returncode=2)
    return found
