"""A small installation's record on a database of its own, made by its own services, and its copies.

Django must be set up, its login a superuser of a server that nobody else relies on.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings
from psycopg import sql

from audit import journal
from audit.ledger import keys
from audit.ledger.sequencer import sequence_pending
from audit.ledger.signer import LedgerSigner
from audit.ledger.tree import latest_checkpoint
from audit.models import Event, Head
from audit.principal import system
from audit.proofs.cosignature import Cosigner
from audit.proofs.keys import generate_signer
from audit.rows import row_save
from audit.sealing import journal_seal_all
from audit.witness.ledger import consistency_to
from audit.witness.memory import Memory
from audit.witness.message import add_checkpoint
from audit.witness.witness import Witness
from incidents.models import Service

BY = system("tampering")
TALL = 256 * 256
GROW = """
WITH forged AS (
    SELECT n, convert_to(format('{"action":"a:b:c","actor":"system:tampering","changes":[],"event":"e",'
        '"id":%%s,"target":"t","timestamp":"2026-02-12T18:30:00.000000Z","trace_id":"","verdict":"allow"}',
        n), 'UTF8') AS entry
    FROM (SELECT nextval('audit_event_id_seq') AS n FROM generate_series(1, %(count)s)) s
), added AS (
    INSERT INTO audit_event (id, xact_id, writer_id, writer_seq, at, event, actor, action, target,
        verdict, trace_id, entry, leaf_hash)
    SELECT n, pg_current_xact_id(), gen_random_uuid(), n, '2026-02-12T18:30:00Z', 'e',
        'system:tampering', 'a:b:c', 't', 'allow', '', entry, sha256('\\x00'::bytea || entry)
    FROM forged RETURNING id
)
INSERT INTO audit_pending SELECT id FROM added
"""
SPLIT = """
ALTER TABLE audit_event DETACH PARTITION audit_event_p0;
ALTER TABLE audit_event_p0 RENAME TO audit_event_whole;
DROP TABLE audit_event_p1;
CREATE TABLE audit_event_p0 PARTITION OF audit_event FOR VALUES FROM (0) TO (64);
CREATE TABLE audit_event_p1 PARTITION OF audit_event FOR VALUES FROM (64) TO (128);
CREATE TABLE audit_event_p2 PARTITION OF audit_event FOR VALUES FROM (128) TO (20000000);
ALTER TABLE audit_event_p0 OWNER TO vigil_owner;
ALTER TABLE audit_event_p1 OWNER TO vigil_owner;
ALTER TABLE audit_event_p2 OWNER TO vigil_owner;
ALTER TABLE audit_event_p0 DISABLE TRIGGER ALL;
ALTER TABLE audit_event_p1 DISABLE TRIGGER ALL;
ALTER TABLE audit_event_p2 DISABLE TRIGGER ALL;
INSERT INTO audit_event SELECT * FROM audit_event_whole;
DROP TABLE audit_event_whole
"""
BIG_LIST = 70
"""More rows than an entry lists itself."""


class Stage(StrEnum):
    """TALL has tiles above the lowest level, ARCHIVED has dropped its first two partitions."""

    SMALL = "small"
    TALL = "tall"
    ARCHIVED = "archived"


@dataclass(slots=True)
class House:
    """Everything of it that is no row lies in `home`: keys, the signer's memory, the journal, a
    checkpoint that an auditor kept, and a witness's record."""

    database: str
    home: Path
    earlier: list[str] = field(default_factory=list)
    """The public keys of origins that it had before, as its operators trust them."""

    @property
    def archives(self) -> Path:
        return self.home / "archives"

    @property
    def kept(self) -> Path:
        return self.home / "kept"

    @property
    def signer(self) -> LedgerSigner:
        path = self.home / "signer"
        return LedgerSigner(keys.load_signer(path), path.with_suffix(".state"))

    @contextmanager
    def open(self) -> Iterator[None]:
        """Points Django at it."""
        before = connection.settings_dict["NAME"]
        options = {
            "SIGNER_KEY": self.home / "signer",
            "JOURNAL_DIR": self.home / "journal",
            "LEDGER_EARLIER_KEYS": self.earlier,
        }
        with ExitStack() as stack:
            stack.enter_context(override_settings(**options))
            stack.callback(_point_at, before)
            stack.callback(journal.close)
            _point_at(self.database)
            yield

    def build(self, events: int) -> None:
        """About so many events under two checkpoints, the later one kept and cosigned; the journal
        of the first ten sealed."""
        self.home.mkdir()
        keys.ensure_signer_key(self.home / "signer")
        with self.open():
            self.work(10)
            journal.close()
            journal_seal_all()
            many = [Service(slug=f"many-{n}", name=f"Many {n}") for n in range(BIG_LIST)]
            row_save(
                instance=Service(slug="many", name="Many"),
                related=lambda: [service.save() for service in many],
                by=BY,
            )
            self.work(events)
            self.publish()
            self.work(4)
            self.publish()
            self.keep()
            self.show_witness(old_size=0)

    def grow(self) -> None:
        """Until there is a tile above the lowest level. By bulk SQL with the triggers off: the journal
        knows nothing of these events."""
        with self.open():
            with self.superuser() as superuser:
                superuser.execute(GROW, {"count": TALL})
            self.publish()

    def archive(self) -> None:
        """The first two of its partitions, made small for it, in sealed files and nowhere else."""
        with self.open():
            size = self.size()
            with self.superuser() as superuser:
                superuser.execute(SPLIT)
            with connection.cursor() as cursor:
                cursor.execute("SET ROLE vigil_owner")
            call_command(
                "archive_ledger",
                "--drop",
                *("--dir", str(self.archives)),
                *("--older-than", (datetime.now(UTC) + timedelta(days=1)).isoformat()),
                *("--below-retention", "Tampering cannot wait"),
                stdout=StringIO(),
            )
            self.publish()
            self.keep()
            self.show_witness(old_size=size)

    def rename(self, origin: str) -> LedgerSigner:
        """From here on it signs under another name, with another key. Returns the earlier signer."""
        path, before = self.home / "signer", self.home / "before"
        for suffix in ("", ".pub", ".state"):
            path.with_suffix(suffix).rename(before.with_suffix(suffix))
        self.earlier.append(before.with_suffix(".pub").read_text().strip())
        with override_settings(LEDGER_ORIGIN=origin):
            keys.ensure_signer_key(path)
        return LedgerSigner(keys.load_signer(before), before.with_suffix(".state"))

    def work(self, count: int) -> None:
        start = Event.objects.count()
        for number in range(start, start + count):
            row_save(instance=Service(slug=f"s-{number}", name=f"Service {number}"), by=BY)

    def change_twice(self, slug: str) -> int:
        """A service with two entries in its history, by its key."""
        service = Service(slug=slug, name="First")
        row_save(instance=service, by=BY)
        service.name = "Second"
        row_save(instance=service, by=BY)
        self.publish()
        return int(service.pk)

    def publish(self, signer: LedgerSigner | None = None) -> None:
        """As the sequencer gives the events their places, and the signer signs."""
        with connection.cursor() as cursor:
            try:
                cursor.execute("SET ROLE vigil_ledger")
                while sequence_pending():
                    continue
                cursor.execute("SET ROLE vigil_signer")
                (signer or self.signer).sign()
            finally:
                cursor.execute("SET ROLE vigil_app")

    def keep(self) -> None:
        latest = latest_checkpoint()
        self.kept.write_text(latest.note if latest else "")

    def size(self) -> int:
        return Head.objects.get().size

    def show_witness(self, old_size: int | None = None) -> None:
        """Raises `Refused`."""
        latest = latest_checkpoint()
        if latest is None:
            raise LookupError("there is no checkpoint to show")
        old = latest.size if old_size is None else old_size
        verifier = self.signer.signer.verifier
        witness = Witness(
            Cosigner(generate_signer("witness.example/w1")),
            {verifier.name: [verifier]},
            Memory(self.home / "witness"),
        )
        proof = consistency_to(latest.size)(old)
        witness.add_checkpoint(add_checkpoint(old, proof, latest.note))

    def fork_is_kept(self) -> bool:
        return any((self.home / "witness").glob("*.fork"))

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Lets go of the database, so that its files can be copied or exchanged."""
        connection.close()
        yield
        connection.close()

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection[Any]]:
        """With every trigger off."""
        with server(self.database) as opened:
            _switch_triggers(opened, "DISABLE")
            yield opened
            _switch_triggers(opened, "ENABLE")

    def copy(self, database: str, home: Path) -> "House":
        """The files of the whole database and of `home`. Nobody may be connected."""
        copied = House(database, home, [*self.earlier])
        with server("postgres") as opened:
            opened.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER vigil_owner").format(
                    sql.Identifier(database), sql.Identifier(self.database)
                )
            )
            # Privileges on the database itself do not come along with a template.
            opened.execute(
                sql.SQL(
                    "GRANT CONNECT ON DATABASE {} TO vigil_app, vigil_ledger, vigil_signer"
                ).format(sql.Identifier(database))
            )
        if self.home.exists() and self.home != home:
            shutil.copytree(self.home, home)
        return copied

    @contextmanager
    def try_out(self, database: str, home: Path) -> Iterator["House"]:
        """A copy to do anything to, open, and gone afterwards."""
        copied = self.copy(database, home)
        try:
            with copied.open():
                yield copied
        finally:
            copied.drop()
            shutil.rmtree(home)

    def drop(self) -> None:
        with server("postgres") as opened:
            name = sql.Identifier(self.database)
            opened.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@contextmanager
def server(database: str) -> Iterator[psycopg.Connection[Any]]:
    """As the login, which is a superuser."""
    given = connection.get_connection_params()
    named = {name: given[name] for name in ("host", "port", "user", "password") if given.get(name)}
    with psycopg.connect(dbname=database, autocommit=True, **named) as opened:
        yield opened


def _point_at(database: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = database


def _switch_triggers(opened: psycopg.Connection[Any], state: str) -> None:
    tables = opened.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p')"
    )
    for (table,) in tables.fetchall():
        statement = sql.SQL("ALTER TABLE {} {} TRIGGER ALL")
        opened.execute(statement.format(sql.Identifier(table), sql.SQL(state)))
