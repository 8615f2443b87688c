"""People are on record by a commitment, never by name."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import actor_patterns, subject_key
from audit.accounts import profile_change
from audit.gate import moment
from audit.models import Event, Sealed, User
from audit.principal import person, subject
from audit.selectors import entry_of
from portal.lib.errors import (
    AuditUnavailable,
)
from tests.audit.erasure.lives import (
    ADDRESS,
    NAME,
    lived,
    zebedee,
)
from tests.database import as_role
from tests.people import Cast, with_second_factor


def test_no_entry_and_no_line_of_the_journal_names_anybody(cast: Cast) -> None:
    lived(cast)
    for event in Event.objects.all():
        said = bytes(event.entry).decode()
        assert NAME not in said, said
        assert "Quixote" not in said
        assert ADDRESS not in said
    journal = "".join(p.read_text() for p in settings.JOURNAL_DIR.rglob("*") if p.is_file())
    assert NAME not in journal
    assert "user:~" in journal


def test_one_person_is_one_commitment_wherever_they_are_named(cast: Cast) -> None:
    user = lived(cast)
    ref = f"user:{subject(user)}"
    assigned = Event.objects.filter(action="incidents:incident:assign").order_by("id")[0]
    entry = entry_of(assigned)
    assert entry["actor"] == entry["data"]["user"] == ref
    asked = entry["data"]["asked"]["principal"]
    assert asked["actor"] == asked["person"] == ref


def test_the_database_computes_the_same_commitment(cast: Cast) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT username, audit_subject(salt, username) FROM audit_user")
        found = dict(cursor.fetchall())
    assert found == {user.username: subject(user) for user in User.objects.all()}


def test_a_reader_sees_names_and_addresses_beside_the_entry(cast: Cast, client: Client) -> None:
    user = lived(cast)
    client.force_login(cast.auditor)
    event = Event.objects.filter(event="profile_changed").latest("id")
    page = client.get(reverse("audit:event-detail", args=[event.pk])).content.decode()
    assert f"user:{NAME}" in page
    assert ADDRESS in page
    assert f"user:{subject(user)}" in page
    told = client.get(f"/api/v1/audit/events/{event.pk}/").json()
    assert told["actor"] == f"user:{NAME}"
    assert told["entry"]["actor"] == f"user:{subject(user)}"
    assert told["people"] == {f"user:{subject(user)}": f"user:{NAME}"}
    assert told["sealed"] == {"data.asked.context.address": ADDRESS}


@pytest.mark.parametrize("pattern", [f"user:{NAME}", "user:zeb*", "user:~*"])
def test_events_are_found_by_the_name_of_who_did_it(
    cast: Cast, client: Client, pattern: str
) -> None:
    lived(cast)
    client.force_login(cast.auditor)
    found = client.get("/api/v1/audit/events/", {"actor": pattern}).json()["results"]
    assert f"user:{NAME}" in {event["actor"] for event in found}
    assert all(event["actor"].startswith("user:") for event in found)


def test_a_call_costs_no_query_more_for_being_sealed(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    user = zebedee()

    def cost(address: str) -> int:
        with (
            moment.called_by(moment.Caller(address=address)),
            CaptureQueriesContext(connection) as captured,
        ):
            profile_change(user=user, time_zone="UTC", by=person(user))
        return len(captured)

    assert cost(ADDRESS) == cost("")
    assert Sealed.objects.count() == 1


def test_without_the_subject_key_nothing_personal_is_recorded_and_nothing_done(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = zebedee()
    broken = tmp_path / "subjects"
    broken.write_text("no key")
    monkeypatch.setattr(settings, "SUBJECT_KEY", broken)
    with (
        moment.called_by(moment.Caller(address=ADDRESS)),
        pytest.raises(AuditUnavailable),
    ):
        profile_change(user=user, time_zone="Europe/Oslo", by=person(user))
    assert User.objects.get(pk=user.pk).time_zone == "UTC"


def test_what_is_sealed_opens_at_its_place_alone() -> None:
    commitment, sealed = subject_key.seal(ADDRESS, salt=b"s" * 16, place="1 data.address")
    opened = subject_key.unseal(
        sealed, salt=b"s" * 16, place="1 data.address", commitment=commitment
    )
    assert opened == ADDRESS
    for wrong in (
        {"salt": b"t" * 16},
        {"place": "2 data.address"},
        {"commitment": "0" * 64},
    ):
        asked = {"salt": b"s" * 16, "place": "1 data.address", "commitment": commitment, **wrong}
        with pytest.raises(subject_key.CannotBeOpened):
            subject_key.unseal(sealed, **asked)


def test_sealed_values_are_never_changed_nor_removed_before_an_erasure(cast: Cast) -> None:
    lived(cast)
    for statement in (
        "UPDATE audit_sealed SET ciphertext = ''",
        "DELETE FROM audit_sealed",
    ):
        with as_role("vigil_owner"), transaction.atomic():
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                connection.cursor().execute(statement)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)


def test_a_pattern_that_fits_too_many_people_is_refused(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of them would look like all."""
    monkeypatch.setattr(actor_patterns, "MANY", 1)
    client.force_login(cast.auditor)
    refused = client.get("/api/v1/audit/events/", {"actor": "user:a*"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "actor")
    assert client.get("/api/v1/audit/events/", {"actor": "user:aud*"}).status_code == 200


def test_an_export_by_name_does_not_put_the_name_on_record(cast: Cast, client: Client) -> None:
    user = lived(cast)
    client.force_login(cast.auditor)
    with_second_factor(client, cast.auditor)
    asked = {"actor": f"user:{NAME}", "reason": "Review"}
    lines = b"".join(client.get("/api/v1/audit/export/", asked).streaming_content)
    assert lines.count(f'"actor":"user:{subject(user)}"'.encode()) > 0
    noted = Event.objects.filter(event="evidence_export_requested").latest("id")
    assert entry_of(noted)["data"]["selection"]["actor"] == f"user:{subject(user)}"


def test_the_subject_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "subjects"
    subject_key.ensure(path)
    made = path.read_text()
    subject_key.ensure(path)
    assert path.read_text() == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["subjects"]
