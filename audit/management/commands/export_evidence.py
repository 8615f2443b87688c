import getpass
import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.event_filters import NAMES
from audit.evidence.export import PATIENCE, Exported, evidence_export
from audit.evidence.selection import Selection, parse_selection
from audit.gate.moment import at_console
from audit.ledger import keys
from audit.models import User
from audit.principal import Principal, person, system
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.errors import ProofError
from portal.lib.errors import ValidationFailed, VigilError


class Command(BaseCommand):
    help = (
        "Writes an evidence pack, which a third party can check offline. Exit code 0: written;"
        " 1: refused or not possible; 2: usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        for name in NAMES:
            parser.add_argument(f"--{name.replace('_', '-')}", dest=name, default="")
        parser.add_argument("--events", default="", help="ids and ranges, like 1042,1050-1060")
        parser.add_argument("--reason", required=True, help="what it is for; goes on record")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE")
        parser.add_argument("--user", help="the person who exports; otherwise it is this command")
        parser.add_argument(
            "--from-checkpoint",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="an older checkpoint that the reader kept: the pack proves that the log continues it",
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=PATIENCE,
            metavar="SECONDS",
            help="how long to wait for a checkpoint that covers all of it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        if out.exists():
            raise _usage(f"{out} is there already.")
        selection = self._selection(options)
        by = self._principal(options["user"])
        try:
            with at_console():
                exported = evidence_export(
                    selection=selection, by=by, reason=options["reason"], patience=options["wait"]
                )
        except ValidationFailed as failure:
            raise _usage(failure.message) from failure
        except VigilError as failure:
            self.stderr.write(failure.message)
            sys.exit(1)
        with exported.file:
            _write(exported, out)
        pending = f", {len(exported.pending)} of them not under a checkpoint yet"
        self.stdout.write(
            f"{out}: {exported.events} events{pending if exported.pending else ''}\n"
            f"SHA-256 {exported.sha256}, on record as export {exported.number}"
        )

    def _selection(self, options: dict[str, Any]) -> Selection:
        params = {name: options[name] for name in (*NAMES, "events")}
        if not any(params.values()):
            raise _usage("Say which events: --target, --from and --to, --events, …")
        sizes = [str(self._size(path)) for path in options["from_checkpoint"]]
        try:
            return parse_selection({**params, "known_sizes": ",".join(sizes)})
        except ValidationFailed as failure:
            raise _usage(failure.message) from failure

    def _size(self, path: Path) -> int:
        verifiers = keys.verifiers()
        try:
            origin = verifiers[0].name if verifiers else ""
            return Checkpoint.open(path.read_bytes(), verifiers, origin=origin).size
        except (OSError, ProofError) as error:
            raise _usage(f"{path} is no checkpoint of this log: {error}") from error

    def _principal(self, username: str | None) -> Principal:
        if username is None:
            # Who has a shell here is known to the machine alone.
            return system(f"export_evidence/{getpass.getuser()}")
        user = User.objects.filter(username=username).first()
        if user is None:
            raise _usage(f"There is no user {username}.")
        return person(user)


def _write(exported: Exported, out: Path) -> None:
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, ExitStack() as unless_written:
            unless_written.callback(out.unlink)
            shutil.copyfileobj(exported.file, file)
            file.flush()
            os.fsync(file.fileno())
            unless_written.pop_all()
    except OSError as error:
        msg = f"The pack was made and is on record, but {out} cannot be written: {error}"
        raise CommandError(msg) from error


def _usage(message: str) -> CommandError:
    return CommandError(message, returncode=2)
