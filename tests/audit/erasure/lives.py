"""Somebody whose name went everywhere that it can go, and the erasing of them."""

import pytest
from django.db import connection
from django.test import Client
from psycopg import sql

from audit.accounts import profile_change, token_issue, user_create
from audit.approvals.services import approval_give
from audit.erasure.services import Erasure, person_erase
from audit.gate import moment
from audit.ledger.sequencer import sequence_pending
from audit.ledger.signer import LedgerSigner
from audit.models import ApiToken, ApprovalRequest, AuditView, User
from audit.principal import person
from audit.saved_views import view_save
from incidents.models import IncidentRole
from incidents.services.incidents import incident_assign
from incidents.services.timeline import timeline_note
from portal.lib.errors import (
    ApprovalRequired,
    GovernanceDenied,
)
from tests.authenticator import enrol
from tests.database import as_role
from tests.incidents.making import opened
from tests.people import TESTS, Cast

NAME, EMAIL, ADDRESS = "zebedee.quixote", "zq@example.org", "203.0.113.77"


def zebedee() -> User:
    """Somebody who has been everywhere in the product."""
    user = User(
        username=NAME, first_name="Zebedee", last_name="Quixote", email=EMAIL, last_login=None
    )
    user_create(user=user, password="correct horse", roles=["Commander"], by=TESTS)
    return User.objects.get(username=NAME)


def lived(cast: Cast) -> User:
    """Somebody whose name went everywhere that it can go."""
    user = zebedee()
    by = person(user)
    with moment.called_by(moment.Caller(address=ADDRESS)):
        incident = opened(cast)
        timeline_note(incident=incident, by=by, text="Disk full")
        incident_assign(incident=incident, by=by, role=IncidentRole.Role.COMMANDER, user=user)
        incident_assign(
            incident=incident, by=by, role=IncidentRole.Role.COMMANDER, user=cast.commander
        )
        profile_change(user=user, time_zone="Europe/Zurich", by=by)
        with pytest.raises(GovernanceDenied):
            token_issue(token=ApiToken(name="mine", scopes=["admin"], user=user), by=by)
        token_issue(
            token=ApiToken(name="mine", scopes=["incidents:read"], user=user),
            by=cast.principal("administrator"),
        )
    view = AuditView(owner=cast.auditor, name="Theirs", params={"about": f"user:{NAME}"})
    view_save(view=view, by=cast.principal("auditor"))
    client = Client()
    client.login(username=NAME, password="wrong")
    assert client.login(username=NAME, password="correct horse")
    assert client.get("/account/", REMOTE_ADDR=ADDRESS).status_code == 200
    session = {"HTTP_IDEMPOTENCY_KEY": "k" * 20, "content_type": "application/json"}
    path = f"/api/v1/incidents/{incident.number}/timeline/"
    answer = client.post(path, {"text": "Again"}, **session)
    assert answer.status_code == 201, answer.content
    assert answer.json()["author"] == f"user:{NAME}"
    enrol(user)
    return User.objects.get(username=NAME)


def erased(cast: Cast, user: User, *, reason: str = "They asked for it") -> Erasure:
    with pytest.raises(ApprovalRequired):
        person_erase(user=user, by=cast.principal("administrator"), reason=reason)
    asked = ApprovalRequest.objects.get(action="audit:user:erase", state="pending")
    approval_give(asked=asked, by=cast.principal("approver"), reason="")
    asked.refresh_from_db()
    assert (asked.state, asked.outcome) == ("executed", "")
    return Erasure.objects.get(user=user)


def everything() -> str:
    """All that the database holds, bytes as the text that they are."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns JOIN"
            " information_schema.tables USING (table_schema, table_name)"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        for table, column, kind in cursor.fetchall():
            shown = "encode({}, 'escape')" if kind == "bytea" else "{}::text"
            value = sql.SQL(shown).format(sql.Identifier(column))
            cursor.execute(
                sql.SQL("SELECT string_agg({}, chr(10)) FROM {}")
                .format(value, sql.Identifier(table))
                .as_string()
            )
            found.append(cursor.fetchone()[0] or "")
    return "\n".join(found)


def checkpointed(signer: LedgerSigner) -> None:
    """The record so far, under a signed checkpoint."""
    with as_role("vigil_ledger"):
        while sequence_pending():
            pass
    with as_role("vigil_signer"):
        signer.sign()
