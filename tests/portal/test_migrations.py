"""Migrations go forward without downtime, and back."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from audit.protection import unprotected
from tests.database import as_superuser, pointed_at

OURS = ("audit", "incidents")
# Reviewed by hand, since the linter takes each line by itself.
REVIEWED = (
    # Made of tables that no running version knows.
    "0002_ledger",
    "0008_search",
    # A unique index on a table of a few requests; the code before it asks once, too, unless raced.
    "0009_governance_finished",
)


def test_models_and_migrations_agree(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_no_migration_breaks_the_version_that_still_runs(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a column dropped or made NOT NULL while the old code still inserts without it."""
    try:
        call_command("lintmigrations", "--include-apps", *OURS, "--ignore-name", *REVIEWED)
    except SystemExit as ended:
        pytest.fail(f"exit {ended.code}\n{capsys.readouterr().out}")


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
