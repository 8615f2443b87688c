"""Migrations go forward without downtime, and back."""

import re

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import call_command
from django.db import connection
from django.db.migrations import AddIndex, CreateModel, Migration, RunSQL
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Index

from audit.protection import unprotected
from tests.database import as_superuser, pointed_at

OURS = ("audit", "incidents")
# Reviewed by hand, since the linter takes each line by itself.
REVIEWED = (
    # Made of tables that no running version knows.
    "0002_ledger",
    "0008_search",
    "0014_stopped",
    # A unique index on a table of a few requests; the code before it asks once, too, unless raced.
    "0009_governance_finished",
    # A unique index on the accounts, which are few.
    "0011_subjects",
)
# Of the time before the first release, when there were no large tables to lock.
BEFORE_THE_FIRST_RELEASE = {
    ("incidents", "0004_indexes"),
    ("audit", "0009_governance_finished"),
    ("audit", "0011_subjects"),
}
CREATES_TABLE = re.compile(
    r"create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?(\w+)", re.IGNORECASE
)
CREATES_INDEX = re.compile(
    r"create\s+(?:unique\s+)?index\s+(?!concurrently)(?:if\s+not\s+exists\s+)?\w+\s+on\s+(?:only\s+)?(\w+)",
    re.IGNORECASE,
)


def blocking_indexes(migration: Migration) -> set[str]:
    """What it makes indexes on that was there before it, with writers locked out meanwhile."""
    made = {op.name_lower for op in migration.operations if isinstance(op, CreateModel)}
    indexed: set[str] = set()
    for op in migration.operations:
        if isinstance(op, AddIndex) and not isinstance(op, AddIndexConcurrently):
            indexed.add(op.model_name_lower)
        elif isinstance(op, RunSQL):
            sql = op.sql if isinstance(op.sql, str) else str(op.sql)
            made |= set(CREATES_TABLE.findall(sql))
            indexed |= set(CREATES_INDEX.findall(sql))
    return indexed - made


def test_models_and_migrations_agree(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_no_migration_breaks_the_version_that_still_runs(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a column dropped or made NOT NULL while the old code still inserts without it."""
    try:
        # Without a cache: a verdict of yesterday's options is none of today's.
        chosen = (
            "--include-apps",
            *OURS,
            "--ignore-name",
            *REVIEWED,
            "--no-cache",
            "--sql-analyser",
            "postgresql",
        )
        call_command("lintmigrations", *chosen)
    except SystemExit as ended:
        pytest.fail(f"exit {ended.code}\n{capsys.readouterr().out}")


def test_no_index_is_made_with_writers_locked_out() -> None:
    """On a table that is there, indexes are made concurrently, in a migration with `atomic = False`."""
    blocking = {
        key: found
        for key, migration in MigrationLoader(None).disk_migrations.items()
        if key[0] in OURS and key not in BEFORE_THE_FIRST_RELEASE
        if (found := blocking_indexes(migration))
    }
    assert blocking == {}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (AddIndex("Incident", Index(fields=["title"], name="x")), {"incident"}),
        (AddIndexConcurrently("Incident", Index(fields=["title"], name="x")), set()),
        (RunSQL("CREATE UNIQUE INDEX x ON incidents_alert (id)"), {"incidents_alert"}),
        (RunSQL("CREATE INDEX CONCURRENTLY x ON incidents_alert (id)"), set()),
        (RunSQL("CREATE TABLE y (id int); CREATE INDEX x ON y (id)"), set()),
    ],
)
def test_an_index_on_a_table_that_is_there_is_found(
    operation: Operation, expected: set[str]
) -> None:
    migration = Migration("x", "incidents")
    migration.operations = [operation]
    assert blocking_indexes(migration) == expected


def test_migrations_go_back_and_forth(committed_db: None) -> None:
    name = connection.settings_dict["NAME"]
    with pointed_at(name, role="vigil_owner"):
        call_command("migrate", "incidents", "zero", verbosity=0)
        assert not MigrationRecorder.Migration.objects.filter(app="incidents").exists()
        call_command("migrate", verbosity=0)
    assert unprotected() == []


def test_nothing_but_migrations_made_the_tables(committed_db: None) -> None:
    with as_superuser() as superuser:
        owners = superuser.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        ).fetchall()
    assert owners == [("vigil_owner",)]
