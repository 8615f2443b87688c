"""Policies: written, validated, tried on past decisions, activated by another, reverted."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.accounts import user_create
from audit.gate import latch, policy
from audit.models import PolicySet, User
from audit.rows import row_save
from incidents.models import Service
from tests.audit.pages.test_approvals_pages import entered
from tests.audit.test_policies import NO_SERVICES, PERMISSIVE, drafted, validated
from tests.people import TESTS, Cast, with_second_factor

LIST, NEW = reverse("audit:policy-list"), reverse("audit:policy-new")
BROKEN = PERMISSIVE + "\nforbid (principal, action, resource)\nwhen { principal.age > 3 };\n"


def url(row: PolicySet) -> str:
    return reverse("audit:policy-detail", args=[row.version])


def typed(text: str, do: str = "save") -> dict[str, str]:
    # As a browser sends it.
    return {"title": "Freeze", "text": text.replace("\n", "\r\n"), "do": do}


@pytest.fixture
def administrator(cast: Cast) -> Client:
    return entered(cast, "administrator")


@pytest.fixture
def second(cast: Cast) -> Client:
    user = user_create(
        user=User(username="second"), password="correct horse", roles=["Administrator"], by=TESTS
    )
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return with_second_factor(client, User.objects.get(pk=user.pk))


def only() -> PolicySet:
    return PolicySet.objects.get()


def test_the_shipped_default_is_version_0(administrator: Client) -> None:
    response = administrator.get(LIST)
    assert response.context["is_default_active"]
    page = administrator.get(reverse("audit:policy-detail", args=[0])).content.decode()
    assert "grave-is-not-dismissed-alone" in page
    assert policy.PINNED in page
    assert (
        administrator.post(reverse("audit:policy-detail", args=[0]), typed("")).status_code == 404
    )


def test_a_draft_starts_from_what_holds(administrator: Client) -> None:
    assert administrator.get(NEW).context["form"]["text"].value() == policy.default_text()


def test_a_draft_starts_from_any_version(cast: Cast, administrator: Client) -> None:
    row = validated(cast)
    response = administrator.get(NEW, {"from": row.version})
    assert response.context["form"]["text"].value() == NO_SERVICES


def test_a_draft_is_saved_as_it_was_typed(administrator: Client) -> None:
    assert administrator.post(NEW, typed(NO_SERVICES)).url == reverse(
        "audit:policy-detail", args=[1]
    )
    assert (only().text, only().state) == (NO_SERVICES, "draft")
    assert only().digest == policy.digest_of(NO_SERVICES)
    administrator.post(url(only()), typed(PERMISSIVE))
    assert only().text == PERMISSIVE


def test_an_error_is_shown_at_its_line_and_nothing_typed_is_lost(administrator: Client) -> None:
    response = administrator.post(NEW, typed(BROKEN, "validate"))
    assert response.status_code == 400
    [problem] = response.context["problems"]
    assert problem.line == 4
    assert [number for number, _line in problem.around] == [3, 4, 5]
    page = response.content.decode()
    assert 'data-line="4"' in page
    assert "principal.age &gt; 3" in page
    assert only().state == "draft"


def test_a_missing_title_loses_nothing(administrator: Client) -> None:
    response = administrator.post(NEW, {**typed(NO_SERVICES), "title": ""})
    assert response.status_code == 400
    assert "Services are frozen" in response.content.decode()
    assert not PolicySet.objects.exists()


def test_a_valid_one_is_activated_by_another(administrator: Client, second: Client) -> None:
    administrator.post(NEW, typed(NO_SERVICES, "validate"))
    assert only().state == "validated"
    reason = {"do": "activate", "activate-reason": "Agreed on Monday"}
    own = administrator.post(url(only()), reason)
    assert own.status_code == 403
    assert "second person" in own.content.decode()
    assert second.post(url(only()), {"do": "activate"}).status_code == 400
    assert second.post(url(only()), reason).status_code == 302
    assert (only().state, only().activated_by.username) == ("active", "second")  # type: ignore[union-attr] # set by the activation


def test_an_earlier_version_is_reverted_to(
    cast: Cast, administrator: Client, second: Client
) -> None:
    reason = {"do": "activate", "activate-reason": "Back and forth"}
    first, later = validated(cast, PERMISSIVE), validated(cast, NO_SERVICES)
    for row in (first, later):
        second.post(url(row), reason)
    assert "Revert to this version" in second.get(url(first)).content.decode()
    second.post(url(first), reason)
    assert policy.active()[0] == PERMISSIVE


def test_a_validated_version_shows_what_it_changes(cast: Cast, administrator: Client) -> None:
    response = administrator.get(url(validated(cast)))
    assert ("+", '@id("frozen")') in response.context["differences"]
    assert ("-", '@id("what-roles-permit")') in response.context["differences"]


def test_a_shadow_run_shows_the_decisions_that_would_change(
    cast: Cast, administrator: Client
) -> None:
    row_save(instance=Service(slug="x", name="X"), by=TESTS)
    row = drafted(cast)
    response = administrator.get(url(row), {"last": 50})
    [change] = response.context["shadow"]["changed"]
    page = response.content.decode()
    assert reverse("audit:event-detail", args=[change.event]) in page
    assert "Services are frozen this week." in page
    assert not administrator.get(url(row), {"last": 51}).context["shadow"]


def test_a_shadow_run_of_what_is_no_policy_says_so(cast: Cast, administrator: Client) -> None:
    row = drafted(cast, "permit (")
    assert "line 1" in administrator.get(url(row), {"last": 50}).content.decode()


def test_an_auditor_reads_and_writes_nothing(cast: Cast) -> None:
    auditor, row = entered(cast, "auditor"), drafted(cast)
    page = auditor.get(url(row))
    assert page.status_code == 200
    assert "Save draft" not in page.content.decode()
    assert auditor.get(NEW).status_code == 403
    refused = auditor.post(url(row), typed(PERMISSIVE))
    assert refused.status_code == 403
    assert only().text == NO_SERVICES


@pytest.mark.parametrize("name", ["outsider", "responder", "commander"])
def test_others_do_not_see_them(cast: Cast, name: str) -> None:
    row = drafted(cast)
    for address in (LIST, url(row), NEW):
        assert entered(cast, name).get(address).status_code == 403


def test_nothing_is_written_while_the_gate_is_latched(administrator: Client) -> None:
    latch.close("a test", {})
    refused = administrator.post(NEW, typed(NO_SERVICES))
    assert refused.status_code == 403
    page = refused.content.decode()
    assert "governance system failure" in page
    assert "Services are frozen" in page
    assert not PolicySet.objects.exists()


def test_the_list_costs_the_same_however_long(cast: Cast, administrator: Client) -> None:
    def count() -> int:
        administrator.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            administrator.get(LIST)
        return len(queries)

    drafted(cast)
    few = count()
    for _ in range(3):
        drafted(cast)
    assert count() == few
