"""What the product itself does to rows with a history fits their history; what else is done is named.

Each way of tampering by itself is tried in `test_tampering`.
"""

import pytest
from django.apps import apps
from django.db import connection

from audit.accounts import token_issue
from audit.history import EventLink, history_tables
from audit.ledger.report import Report
from audit.ledger.verify import verify
from audit.ledger.verify_histories import OWN
from audit.models import ApiToken, PolicySet, User
from audit.policies import policy_draft, policy_validate
from audit.principal import client, person
from audit.rows import row_delete, row_save
from incidents.models import Incident, Service
from incidents.procedure import State
from incidents.services.incidents import incident_open
from tests.audit.erasure.lives import erased, lived
from tests.database import as_superuser
from tests.incidents.making import in_state
from tests.people import TESTS, Cast

PERMISSIVE = "permit (principal, action, resource);\n"


def report() -> Report:
    found = Report()
    verify(found, rows=True, workers=1)
    return found


def tampered(statement: str, *values: object) -> list[str]:
    """What is found once that was done with the triggers off."""
    with as_superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        for table in history_tables():
            superuser.execute(f"ALTER TABLE {table.history} DISABLE TRIGGER ALL")
        superuser.execute(statement, values)
    return [f"{each.kind}: {each.detail}" for each in report().problems]


def test_every_model_with_a_history_is_among_them(db: None) -> None:
    kept = {model._meta.db_table for model in apps.get_models() if issubclass(model, EventLink)}
    assert {each.history for each in history_tables()} == kept
    assert len(kept) >= 6


def test_a_history_has_the_columns_of_its_table_and_its_own(db: None) -> None:
    """A column of the same name as one of its own could not be told from it."""
    with connection.cursor() as cursor:
        for each in history_tables():
            columns = {}
            for table in (each.table, each.history):
                description = connection.introspection.get_table_description(cursor, table)
                columns[table] = {column.name for column in description}
            assert columns[each.history] - columns[each.table] == set(OWN), each
            assert columns[each.table] < columns[each.history], each


def test_the_history_of_a_whole_incident_fits(committed_cast: Cast) -> None:
    closed = in_state(committed_cast, State.CLOSED)
    found = report()
    assert found.problems == []
    assert found.histories is not None
    assert found.histories > Incident.history.filter(id=closed.pk).count() >= 12


def test_so_do_those_of_policies_and_of_deleted_rows(committed_cast: Cast) -> None:
    administrator = committed_cast.principal("administrator")
    text = PolicySet(title="All", text=PERMISSIVE)
    policy_validate(draft=policy_draft(draft=text, by=administrator), by=administrator)
    service = Service(slug="short", name="Short-lived")
    row_save(instance=service, by=TESTS, reason="For a day")
    row_save(instance=service, by=administrator, reason="Saved as it was")
    row_delete(instance=service, by=administrator, reason="The day is over")
    assert report().problems == []


def test_who_acts_by_a_token_is_known_by_the_token(committed_cast: Cast) -> None:
    token = ApiToken(name="mine", scopes=["admin"], user=committed_cast.administrator)
    token_issue(token=token, by=TESTS)
    row_save(instance=Service(slug="api", name="API"), by=client(token))
    assert Service.history.get(slug="api").history_user == committed_cast.administrator
    assert report().problems == []
    (found,) = tampered(
        "UPDATE incidents_historicalservice SET history_user_id = NULL WHERE slug = 'api'"
    )
    assert "another person" in found


def test_the_history_of_who_was_erased_still_fits(committed_cast: Cast) -> None:
    user = lived(committed_cast)
    incident = incident_open(incident=Incident(title="Slow", severity="P3"), by=person(user))
    assert Incident.history.filter(id=incident.pk, history_user=user).exists()
    erased(committed_cast, user)
    assert User.objects.get(pk=user.pk).username.startswith("erased-~")
    assert report().problems == []
    (found,) = tampered(
        "UPDATE incidents_historicalincident SET history_user_id = %s WHERE id = %s"
        " AND history_type = '+'",
        committed_cast.outsider.pk,
        incident.pk,
    )
    assert "another person" in found


def test_another_person_is_found_by_name_and_by_commitment(committed_cast: Cast) -> None:
    row_save(instance=Service(slug="mine", name="Mine"), by=person(committed_cast.administrator))
    (found,) = tampered(
        "UPDATE incidents_historicalservice SET history_user_id = %s WHERE slug = 'mine'",
        committed_cast.outsider.pk,
    )
    assert found.startswith("history row changed")
    assert "another person" in found


def test_a_row_saved_as_it_was_has_a_history_row_that_fits_its_event(committed_cast: Cast) -> None:
    service = Service(slug="same", name="Same")
    row_save(instance=service, by=TESTS)
    row_save(instance=service, by=TESTS)
    assert report().problems == []
    (found,) = tampered(
        "UPDATE incidents_historicalservice SET history_date = history_date + interval '1 s'"
        " WHERE slug = 'same' AND history_type = '~'"
    )
    assert "another moment" in found


@pytest.mark.parametrize("event", ["0", "(SELECT max(id) + 1 FROM audit_event)"])
def test_a_repeated_state_of_no_event_is_an_insertion(committed_cast: Cast, event: str) -> None:
    row_save(instance=Service(slug="once", name="Once"), by=TESTS)
    (found,) = tampered(
        "INSERT INTO incidents_historicalservice (id, slug, name, description, history_date,"
        " history_change_reason, history_type, event_id) SELECT id, slug, name, description,"
        f" history_date, '', '~', {event} FROM incidents_historicalservice WHERE slug = 'once'"
    )
    assert found.startswith("history row inserted")


def test_a_history_row_moved_to_another_row_is_missed_there_and_found_here(
    committed_cast: Cast,
) -> None:
    for slug in ("here", "there"):
        row_save(instance=Service(slug=slug, name=slug), by=TESTS)
    found = tampered(
        "UPDATE incidents_historicalservice SET id ="
        " (SELECT id FROM incidents_service WHERE slug = 'there') WHERE slug = 'here'"
    )
    assert sorted(each.partition(":")[0] for each in found) == [
        "history row deleted",
        "history row inserted",
    ]


def test_what_the_history_says_was_deleted_is_what_was_there(committed_cast: Cast) -> None:
    service = Service(slug="gone", name="Gone")
    row_save(instance=service, by=TESTS)
    row_delete(instance=service, by=TESTS)
    (found,) = tampered(
        "UPDATE incidents_historicalservice SET name = 'Other' WHERE history_type = '-'"
    )
    assert "is not what event" in found


def test_a_whole_history_that_is_gone_is_missed_change_by_change(committed_cast: Cast) -> None:
    in_state(committed_cast, State.ACKNOWLEDGED)
    found = tampered("DELETE FROM incidents_historicalincident")
    assert found
    assert {each.partition(":")[0] for each in found} == {"history row deleted"}
