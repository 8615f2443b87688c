"""One event: its entry to the byte, its votes, what it changed and where it stands in the log."""

import hashlib
import json
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.approvals.services import approval_give
from audit.models import Event
from audit.principal import person
from audit.rows import row_save
from audit.selectors import in_words
from incidents.models import Service
from portal.lib.canonical import dumps
from portal.lib.errors import GovernanceDenied
from tests.audit.test_approvals import dismissed
from tests.database import as_role, as_superuser
from tests.people import TESTS, Cast


@pytest.fixture
def auditor(cast: Cast, client: Client) -> Client:
    client.force_login(cast.auditor)
    return client


def latest() -> Event:
    return Event.objects.order_by("-id")[0]


def url(name: str, event: Event) -> str:
    return reverse(f"audit:event-{name}", args=[event.pk])


def service() -> Service:
    row = Service(slug="api", name="API")
    row_save(instance=row, by=TESTS)
    return row


def test_it_shows_the_whole_entry(auditor: Client) -> None:
    service()
    response = auditor.get(url("detail", latest()))
    entry = json.loads(bytes(latest().entry))
    assert json.loads(response.context["pretty"]) == entry
    page = response.content.decode()
    for shown in (entry["policy"], entry["changes"][0]["sha256"], "incidents_service", "permitted"):
        assert shown in page


def test_what_is_downloaded_is_what_was_hashed(auditor: Client) -> None:
    service()
    event = latest()
    response = auditor.get(url("entry", event))
    assert response.content == bytes(event.entry)
    assert hashlib.sha256(b"\0" + response.content).digest() == bytes(event.leaf_hash)
    assert dumps(json.loads(response.content)) == response.content
    assert f'filename="event-{event.pk}.json"' in response["Content-Disposition"]


def test_a_change_is_told_field_by_field(auditor: Client) -> None:
    row = service()
    row.name = "Public API"
    row_save(instance=row, by=TESTS)
    [(revision, history)] = auditor.get(url("detail", latest())).context["revisions"]
    assert (revision.row, revision.did) == ("service Public API", "changed")
    assert [(f.label, f.before, f.after) for f in revision.fields] == [
        ("name", "API", "Public API")
    ]
    # And from there back.
    assert history == reverse("admin:incidents_service_history", args=[row.pk])
    assert url("detail", latest()) in auditor.get(history).content.decode()


def test_the_history_of_a_row_is_linked_for_who_may_see_the_row(
    cast: Cast, auditor: Client
) -> None:
    cast.auditor.groups.clear()
    cast.auditor.user_permissions.set(Permission.objects.filter(codename="view_event"))
    service()
    [(_revision, history)] = auditor.get(url("detail", latest())).context["revisions"]
    assert history == ""


def test_it_leads_to_everything_about_who_and_what(auditor: Client) -> None:
    service()
    event = latest()
    page = auditor.get(url("detail", event)).content.decode()
    for about in (event.actor, event.target):
        assert f"{reverse('audit:event-list')}?about={quote(about)}" in page


def test_a_denial_shows_the_vote_against_it(cast: Cast, auditor: Client) -> None:
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="x", name="X"), by=person(cast.responder))
    page = auditor.get(url("detail", latest())).content.decode()
    assert "Your roles do not include “add service”." in page
    assert "No governed row changed." in page


def test_it_links_to_its_kin(auditor: Client, cast: Cast) -> None:
    auditor.get("/")
    row_save(instance=Service(slug="x", name="X"), by=person(cast.administrator))
    page = auditor.get(url("detail", latest())).content.decode()
    event = latest()
    assert "?actor=user%3Aadministrator" in page
    assert f"?target=incidents.service%3A{event.target.rpartition(':')[2]}" in page
    assert f"?trace_id={event.trace_id}" in page


def test_of_many_changes_the_first_are_shown_and_all_are_to_be_had(auditor: Client) -> None:
    row_save(
        instance=Service(slug="one", name="One"),
        related=lambda: [
            Service.objects.create(slug=f"s-{n}", name=f"Service {n}") for n in range(299)
        ],
        by=TESTS,
    )
    event = latest()
    response = auditor.get(url("detail", event))
    assert (len(response.context["changes"]), response.context["change_count"]) == (200, 300)
    listing = auditor.get(url("changes", event)).content
    assert len(json.loads(listing)) == 300
    summary = json.loads(bytes(event.entry))["changes"]
    assert summary == {"count": 300, "sha256": hashlib.sha256(listing).hexdigest()}


def test_a_short_list_of_changes_is_to_be_had_too(auditor: Client) -> None:
    service()
    listing = json.loads(auditor.get(url("changes", latest())).content)
    assert listing == json.loads(bytes(latest().entry))["changes"]


def put_in_log(event: Event, *, size: int | None) -> None:
    """As the sequencer would, and the signer where a checkpoint of that size is asked for."""
    with as_role("vigil_ledger"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_leaf VALUES (7, %s, %s)", [event.pk, bytes(event.leaf_hash)]
        )
    if size is not None:
        with as_role("vigil_signer"), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO audit_checkpoint (size, root, note) VALUES (%s, %s, 'note')",
                [size, b"\0" * 32],
            )


@pytest.mark.parametrize(
    ("is_sequenced", "size", "said", "has_proof"),
    [
        (False, None, "Pending: not yet in a checkpoint.", False),
        (True, None, "not yet in a signed checkpoint.", False),
        (True, 7, "not yet in a signed checkpoint.", False),
        (True, 8, "covered by the checkpoint of 8 leaves", True),
    ],
)
def test_it_says_where_it_stands_in_the_log(
    auditor: Client, is_sequenced: bool, size: int | None, said: str, has_proof: bool
) -> None:
    service()
    event = latest()
    if is_sequenced:
        put_in_log(event, size=size)
    page = " ".join(auditor.get(url("detail", event)).content.decode().split())
    assert said in page
    assert (f'href="{reverse("audit-event-proof", args=[event.pk])}"' in page) is has_proof
    assert "matches the stored bytes" in page


def test_an_event_that_was_tampered_with_says_so(committed_cast: Cast, client: Client) -> None:
    client.force_login(committed_cast.auditor)
    event = latest()
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute("ALTER TABLE audit_event_p0 DISABLE TRIGGER ALL")
        database.execute(
            "UPDATE audit_event SET entry = convert_to(replace("
            "convert_from(entry, 'UTF8'), 'sign_in', 'sign_on'), 'UTF8') WHERE id = %s",
            [event.pk],
        )
    page = client.get(url("detail", event)).content.decode()
    assert "do not hash to its leaf" in page
    assert "matches the stored bytes" not in page


@pytest.mark.parametrize("number", [0, 999_999, 2**63])
def test_what_is_not_there_is_not_found(auditor: Client, number: int) -> None:
    for page in ("", "entry.json", "changes.json"):
        assert auditor.get(f"/audit/events/{number}/{page}").status_code == 404


def test_it_costs_the_same_however_much_changed(auditor: Client) -> None:
    def cost(event: Event) -> int:
        with CaptureQueriesContext(connection) as captured:
            auditor.get(url("detail", event))
        return len(captured)

    service()
    cost(latest())
    small = cost(latest())
    row_save(
        instance=Service(slug="one", name="One"),
        related=lambda: [Service.objects.create(slug=f"s-{n}", name=f"S {n}") for n in range(50)],
        by=TESTS,
    )
    assert cost(latest()) == small


def test_markup_in_an_entry_stays_text(auditor: Client) -> None:
    row_save(
        instance=Service(slug="x", name="<script>alert(1)</script>"),
        by=TESTS,
        reason="<img src=x onerror=alert(1)>",
    )
    for address in (url("detail", latest()), reverse("audit:event-list")):
        page = auditor.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_every_kind_of_value_reads_as_words() -> None:
    said: dict[str, Any] = {"is_drill": True, "before": None, "roles": ["A", "B"], "count": 3}
    assert in_words(said) == "is drill yes, before none, roles A, B, count 3"


def test_a_denial_says_what_would_have_to_be_different(cast: Cast, auditor: Client) -> None:
    asked = dismissed(cast)
    escalated = latest()
    with pytest.raises(GovernanceDenied):
        approval_give(asked=asked, by=cast.principal("commander"))
    response = auditor.get(url("detail", latest()))
    [obstacle] = response.context["obstacles"]
    assert (obstacle.voter, obstacle.said) == (
        "axioms",
        "Nobody approves their own work: a second person has to.",
    )
    assert obstacle.rules[0].source.startswith('@id("no-self-approval")')
    assert obstacle.rules[0].source.endswith("};")
    assert "somebody else had made it" in obstacle.rules[0].unless
    assert "author user:commander" in dict(response.context["asked"])["Resource"]
    [obstacle] = auditor.get(url("detail", escalated)).context["obstacles"]
    assert "approval of 1 other person" in obstacle.needed
    assert "grave-is-not-dismissed-alone" in obstacle.rules[0].source
    assert obstacle.rules[0].unless == ["one person approved it", "the severity were P1, P2 or P3"]


def test_what_was_allowed_had_nothing_against_it(auditor: Client) -> None:
    service()
    response = auditor.get(url("detail", latest()))
    assert response.context["obstacles"] == []
    assert "What would have to be different" not in response.content.decode()


def test_a_missing_permission_is_named_with_the_roles_that_include_it(
    cast: Cast, auditor: Client
) -> None:
    with pytest.raises(GovernanceDenied):
        row_save(instance=Service(slug="x", name="X"), by=person(cast.responder))
    [obstacle] = auditor.get(url("detail", latest())).context["obstacles"]
    assert "incidents.add_service" in obstacle.needed
    assert "Roles that include it now: Administrator." in obstacle.needed


def test_a_decision_is_judged_again_on_its_page(cast: Cast, auditor: Client) -> None:
    dismissed(cast)
    page = url("detail", latest())
    assert "Replay this decision" in auditor.get(page).content.decode()
    response = auditor.get(page, {"replay": "1"})
    assert [(vote.voter, vote.outcome.value) for vote in response.context["replayed"]] == [
        ("axioms", "same"),
        ("permissions", "same"),
        ("policy", "same"),
    ]
    assert "from the facts recorded with it" in response.content.decode()
