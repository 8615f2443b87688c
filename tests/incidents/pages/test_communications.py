"""The communications panel: what the public reads now, when the next update is due, and the dialog."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents.models import ClockLeg, Incident
from incidents.publishing import Word, template
from incidents.services.publishing import status_update
from incidents.services.restriction import incident_restrict
from incidents.severity import Severity
from tests.incidents.making import in_state, opened
from tests.incidents.pages.conftest import SignIn
from tests.people import Cast

SCRIPT = {"HX-Request": "true"}


def panel(client: Client, incident: Incident) -> str:
    room = client.get(reverse("incidents:incident-detail", args=[incident.pk])).text
    return room.partition('id="communications"')[2].partition("</section>")[0]


def dialog(client: Client, incident: Incident, word: str = "") -> str:
    address = reverse("incidents:update-publish", args=[incident.pk])
    return client.get(address, {"word": word} if word else {}, headers=SCRIPT).text


def test_before_it_is_acknowledged_the_public_is_told_nothing(cast: Cast, sign_in: SignIn) -> None:
    shown = panel(sign_in("responder"), opened(cast))
    assert "The public is told nothing yet: acknowledging publishes" in shown
    assert "Next update" not in shown


def test_it_says_what_the_public_reads_and_when_the_next_is_due(
    cast: Cast, sign_in: SignIn
) -> None:
    incident = in_state(cast, "acknowledged", "P0")
    status_update(
        incident=incident,
        by=cast.principal("responder"),
        word=Word.IDENTIFIED,
        text="<b>Cards</b> fail.",
    )
    shown = panel(sign_in("commander"), incident)
    assert "<strong>Identified</strong>" in shown
    assert "&lt;b&gt;Cards&lt;/b&gt; fail." in shown
    assert "Published by responder" in shown
    due = ClockLeg.objects.filter(incident=incident, kind="status_update").latest("id").target_at
    assert due is not None
    assert due - timezone.now() <= timedelta(minutes=30)
    assert "Next update due" in shown
    assert "1 other update<" in shown


def test_of_a_restricted_one_it_says_that_the_public_is_told_nothing(
    cast: Cast, sign_in: SignIn
) -> None:
    incident = in_state(cast, "acknowledged")
    incident_restrict(incident=incident, by=cast.principal("commander"), reason="An attack")
    client = sign_in("commander")
    status_update(incident=incident, by=cast.principal("commander"), text="For us.")
    shown = panel(client, incident)
    assert "Restricted: the public is told nothing." in shown
    assert "The public reads now" not in shown
    assert shown.count("not public") == 1
    assert "only those who may see this incident read it" in dialog(client, incident)
    outside = sign_in("responder")
    address = reverse("incidents:update-publish", args=[incident.pk])
    assert outside.get(address).status_code == 404
    assert outside.post(address, {"word": "resolved", "text": "x"}).status_code == 404


def test_a_drill_is_not_told_either(cast: Cast, sign_in: SignIn) -> None:
    assert "A drill: the public is told nothing." in panel(
        sign_in("commander"), opened(cast, is_drill=True)
    )


def test_the_dialog_says_who_reads_it_and_starts_from_the_word_that_stands(
    cast: Cast, sign_in: SignIn
) -> None:
    incident = in_state(cast, "fixing", "P1")
    shown = dialog(sign_in("responder"), incident)
    assert "Everybody can read this on /status/" in shown
    assert '<option value="identified" selected>' in shown
    assert template(Word.IDENTIFIED, "P1") in shown


@pytest.mark.parametrize("word", Word)
def test_each_word_has_a_text_to_start_from(cast: Cast, sign_in: SignIn, word: Word) -> None:
    incident = in_state(cast, "acknowledged", "P2")
    shown = dialog(sign_in("responder"), incident, word)
    assert f'<option value="{word.value}" selected>' in shown
    assert template(word, "P2") in shown
    assert all(template(word, severity) for severity in Severity)


def test_a_word_that_is_none_starts_from_the_one_that_stands(cast: Cast, sign_in: SignIn) -> None:
    incident = in_state(cast, "acknowledged")
    shown = dialog(sign_in("responder"), incident, "fine<script>")
    assert '<option value="investigating" selected>' in shown
    assert "<script>" not in shown


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"word": "fine", "text": "x"}, "update_word"),
        ({"word": "resolved", "text": " "}, "update_text"),
        ({"word": "resolved", "text": "x" * 2_001}, "update_text"),
    ],
)
def test_an_update_that_cannot_be_is_refused_by_field(
    cast: Cast, sign_in: SignIn, data: dict[str, str], field: str
) -> None:
    incident = in_state(cast, "acknowledged")
    address = reverse("incidents:update-publish", args=[incident.pk])
    response = sign_in("responder").post(address, data, headers=SCRIPT)
    assert response.status_code == 400
    assert f'href="#{field}"' in response.text
    assert incident.status_updates.count() == 1


def test_who_only_reads_is_offered_no_form(cast: Cast, sign_in: SignIn) -> None:
    assert "publish-update" not in panel(sign_in("auditor"), in_state(cast, "acknowledged"))
