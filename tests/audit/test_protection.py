"""The database refuses unaudited change, for every table that there is."""

import pytest
from django.apps import apps
from django.db import IntegrityError, ProgrammingError, connection, models, transaction

from audit.models import User
from audit.protection import Protection, protection, unprotected
from audit.rows import row_save
from incidents.models import Service
from portal.models import SystemHealth
from tests.database import as_role
from tests.people import TESTS, Cast

MODELS = {
    model._meta.db_table: model
    for model in apps.get_models(include_auto_created=True)
    if not model._meta.proxy and model is not SystemHealth
}
GOVERNED = [t for t, model in MODELS.items() if protection(model) is Protection.GOVERNED]
APPEND_ONLY = [t for t, model in MODELS.items() if protection(model) is Protection.APPEND_ONLY]


def test_the_registry_finds_what_is_governed() -> None:
    assert {"incidents_incident", "audit_user", "auth_group", "audit_user_groups"} <= set(GOVERNED)
    assert {"audit_event", "incidents_historicalincident"} <= set(APPEND_ONLY)


def test_every_table_has_the_protection_that_it_should_have(db: None) -> None:
    assert unprotected() == []


def test_a_new_model_without_protection_is_found(db: None) -> None:
    with as_role("vigil_owner"), connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_capture ON incidents_service")
    assert unprotected() == ["incidents_service should be governed: changes are not captured"]


def _placeholder(field: models.Field, table: str) -> str:
    """An SQL expression of the column's type; foreign keys are deferred and never reached."""
    kind = field.db_type(connection) or "text"
    if kind.endswith("[]"):
        return f"'{{}}'::{kind}"
    base = kind.partition("(")[0].strip()
    return {
        "bytea": "'\\x00'::bytea",
        "boolean": "false",
        "jsonb": "'{}'::jsonb",
        "uuid": "gen_random_uuid()",
        "interval": "NULL" if field.null else "'1 minute'::interval",
        "timestamp with time zone": "NULL" if field.null else "now()",
        "date": "date_trunc('week', now())::date",
    }.get(base, "NULL" if field.null else ("1" if "int" in base else "'P1'"))


def _insert(table: str) -> str:
    fields = [
        field
        for field in MODELS[table]._meta.local_concrete_fields
        if not field.primary_key or field.get_internal_type() == "UUIDField"
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(_value(table, field) for field in fields)
    return f'INSERT INTO "{table}" ({columns}) VALUES ({values})'


# Rows that the plain placeholders would not make valid.
SPECIAL = {
    ("audit_archive", "end_id"): "2",
    ("audit_archive", "dropped_at"): "NULL",
    ("audit_archive", "dropped_event_id"): "NULL",
    ("incidents_incident", "state"): "'detected'",
    ("incidents_alert", "status"): "'firing'",
    ("incidents_alertreceipt", "fate"): "'pending'",
    ("incidents_clockleg", "phase"): "'met'",
    ("incidents_clockleg", "target"): "NULL",
    ("incidents_actionitem", "state"): "'open'",
    ("incidents_actionitem", "kind"): "'prevent'",
    ("incidents_checklistitem", "state"): "'open'",
    ("incidents_checklistitem", "done_by"): "''",
    ("incidents_checklistitem", "evidence_url"): "''",
    ("incidents_containmentaction", "kind"): "'other'",
    ("incidents_containmentaction", "reversed_by"): "''",
    ("incidents_containmentaction", "reversal_reason"): "''",
    ("incidents_rolehandover", "state"): "'pending'",
    ("incidents_rolehandover", "successor_id"): "2",
    ("incidents_evidencehold", "released_by"): "''",
    ("incidents_evidencehold", "release_reason"): "''",
    ("incidents_channel", "kind"): "'email'",
    ("incidents_contactmethod", "kind"): "'email'",
    ("incidents_notification", "state"): "'sink'",
    ("incidents_notification", "settled_at"): "now()",
    ("incidents_notification", "contact_id"): "NULL",
    ("incidents_statusupdate", "word"): "'resolved'",
    ("incidents_attachment", "media_type"): "'text/plain'",
    ("incidents_attachment", "sha256"): "repeat('a', 64)",
    ("audit_apitoken", "scopes"): "'{admin}'",
    ("audit_approvalrequest", "expires_at"): "now() + interval '1 hour'",
}


def _value(table: str, field: models.Field) -> str:
    return SPECIAL.get((table, field.column)) or _placeholder(field, table)


@pytest.mark.parametrize("table", GOVERNED)
def test_a_governed_row_is_not_written_without_its_event(committed_db: None, table: str) -> None:
    with pytest.raises(IntegrityError, match=r"unaudited change|foreign key"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_insert(table))
            # The capture has happened, whatever else the commit would object to.
            cursor.execute("SELECT array_agg(table_name || op) FROM audit_change")
            assert cursor.fetchone()[0] == [f"{table}I"]
            cursor.execute("SET CONSTRAINTS audit_change_is_recorded IMMEDIATE")


WITH_ROWS = (
    *("audit_user", "audit_user_groups", "audit_apitoken", "auth_group", "auth_group_permissions"),
    *("incidents_source", "incidents_severityrule"),
)


@pytest.mark.parametrize("table", WITH_ROWS)
def test_rows_are_not_deleted_in_bulk_without_an_event(committed_cast: Cast, table: str) -> None:
    with pytest.raises(IntegrityError, match="unaudited change"):
        with transaction.atomic(), connection.cursor() as cursor:
            MODELS[table]._default_manager.all()._raw_delete(using="default")
            cursor.execute("SET CONSTRAINTS audit_change_is_recorded IMMEDIATE")


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_an_append_only_table_refuses_the_application(db: None, table: str) -> None:
    for statement in (f'UPDATE "{table}" SET event_id = 1', f'DELETE FROM "{table}"'):
        has_it = any(field.column == "event_id" for field in MODELS[table]._meta.concrete_fields)
        sql = statement if has_it else statement.replace("event_id", "id")
        with pytest.raises(ProgrammingError, match="permission denied"):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql)


def test_a_savepoint_that_is_rolled_back_takes_its_captures_along(cast: Cast) -> None:
    def related() -> None:
        with pytest.raises(ZeroDivisionError):
            with transaction.atomic():
                Service.objects.create(slug="gone", name="Gone")
                raise ZeroDivisionError

    row_save(instance=Service(slug="kept", name="Kept"), related=related, by=TESTS)
    assert not Service.objects.filter(slug="gone").exists()


def test_a_sign_in_time_needs_no_event(cast: Cast) -> None:
    with transaction.atomic():
        User.objects.filter(pk=cast.auditor.pk).update(last_login="2026-01-01T00:00:00Z")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_change")
            assert cursor.fetchone()[0] == 0


def test_a_primary_key_never_changes(cast: Cast) -> None:
    row_save(instance=Service(slug="api", name="API"), by=TESTS)
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Service.objects.filter(slug="api").update(id=99)
