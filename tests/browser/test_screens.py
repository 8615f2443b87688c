"""How the pages look, in every width and both themes: kept as screenshots, held to a few facts that
need no eye, and to axe."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from incidents.models import Incident, IncidentRole
from incidents.models.clock import ClockKind
from incidents.procedure import State
from incidents.services.clocks import clock_pause
from incidents.services.incidents import incident_assign
from incidents.services.publishing import status_update
from incidents.services.timeline import timeline_note
from tests.browser.desk import Desk
from tests.browser.serving import Site
from tests.incidents.arranging import alert
from tests.incidents.making import in_state, submitted

# Some forty pages in each.
pytestmark = pytest.mark.timeout(400)
WIDTHS = {390: 844, 1280: 900, 1920: 1080}
THEMES = ["light", "dark"]
LONG = "Checkout-api answers with 502 to some customers of the EU since the deploy of 2026.02.3"
UNBROKEN = "x" * 120


OTHERS = {
    "administrator": {
        "notifications": "/incidents/notification/",
        "metrics": "/incidents/metrics/",
        "contacts": "/contact-methods/",
        "contact-add": "/contact-methods/add/",
        "channels": "/incidents/channel/",
        "channel-add": "/incidents/channel/add/",
        "rules": "/incidents/notificationrule/",
        "teams": "/incidents/team/",
        "team-add": "/incidents/team/add/",
        "services": "/incidents/service/",
        "sources": "/incidents/source/",
        "people": "/audit/user/",
        "tokens": "/audit/apitoken/",
        "groups": "/auth/group/",
        "system": "/system/",
        "account": "/account/",
        "second-factor": "/account/second-factor/",
        "status": "/status/",
        "nothing-here": "/incidents/INC-999999/",
    },
    "auditor": {
        "events": "/audit/",
        "views": "/audit/views/",
        "export": "/audit/export/",
        "approvals": "/approvals/",
        "governance": "/governance/",
        "policies": "/governance/policies/",
        "policy": "/governance/policies/1/",
        "outages": "/governance/outages/",
    },
}


@pytest.fixture(scope="module")
def shown(site: Site) -> dict[str, dict[str, str]]:
    """The pages to look at: of each person by name, with something of everything on them."""
    return {"commander": site.in_database(lambda: _arrange(site)), **OTHERS}


def _arrange(site: Site) -> dict[str, str]:
    cast = site.cast
    by, responder = cast.principal("commander"), cast.principal("responder")
    alert(cast, "search", summary="Disk of search-3 is 91 % full", severity_text="warning")
    alert(cast, "web", summary="Typo on the sign-up page", severity_text="info")
    war = alert(
        cast,
        "api",
        summary=LONG,
        labels={"pod": UNBROKEN, "zone": "eu-1"},
        links=("https://wiki.example.org/runbooks/checkout-api",),
    )
    alert(cast, "api")
    in_state(cast, State.NOTIFIED)
    for name in ("classify", "notify", "acknowledge", "contain"):
        war = _move(war, name, by)
    commander = IncidentRole.Role.COMMANDER
    incident_assign(incident=war, by=by, role=commander, user=cast.commander)
    wrong = timeline_note(incident=war, by=responder, text="It began at 02:50")
    timeline_note(incident=war, by=responder, text="It began at 02:47", supersedes=wrong)
    timeline_note(incident=war, by=by, text=f"See https://example.org/{UNBROKEN}")
    status_update(incident=war, by=by, text="Some customers cannot pay. We are rolling back.")
    clock_pause(incident=war, by=by, kind=ClockKind.STATUS_UPDATE, reason="Told by telephone")
    postmortem = in_state(cast, State.POSTMORTEM)
    submitted(cast, postmortem)
    ended = in_state(cast, State.FALSE_POSITIVE)
    receipt = war.alerts.get().receipts.first()
    assert receipt is not None
    return {
        "dashboard": "/",
        "list": "/incidents/incident/?state=",
        "war-room": f"/incidents/{war.number}/",
        "war-room-ended": f"/incidents/{ended.number}/",
        "postmortem": f"/incidents/{postmortem.number}/postmortem/",
        "actions": "/incidents/actions/?show=all",
        "ages": "/incidents/actions/?show=ages",
        "postmortems": "/incidents/postmortems/?q=words",
        "report": "/incidents/report/",
        "acknowledge-several": "/incidents/acknowledge/",
        "hand-over": "/incidents/hand-over/",
        "severity": f"/incidents/{war.number}/severity/?version=1",
        "receipts": "/incidents/alertreceipt/",
        "receipt": f"/incidents/receipts/{receipt.public_id}/",
    }


def _move(incident: Incident, name: str, by: Any) -> Incident:
    from incidents.services.incidents import incident_transition  # noqa: PLC0415

    return incident_transition(incident=incident, name=name, by=by, reason="All of the EU")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_and_are_kept_as_screenshots(
    desk: Callable[..., Desk],
    shown: dict[str, dict[str, str]],
    screenshots: Path,
    width: int,
    theme: str,
) -> None:
    size = {"width": width, "height": WIDTHS[width]}
    for name, page in visited(desk, shown, viewport=size, color_scheme=theme):
        # As tall as the page, so that what sticks to the window's edges shows where it belongs.
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": max(height, WIDTHS[width])})
        page.wait_for_timeout(200)
        page.screenshot(path=screenshots / f"{name}-{width}-{theme}.png")
        page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{name} scrolls sideways at {width}"
        assert not too_small(page), name


def visited(
    desk: Callable[..., Desk], shown: dict[str, dict[str, str]], **options: Any
) -> Iterator[tuple[str, Page]]:
    for person, pages in shown.items():
        at_desk = desk(person, **options)
        for name, path in pages.items():
            page = at_desk.go(path)
            page.wait_for_timeout(200)
            yield name, page


def too_small(page: Page) -> list[str]:
    """Buttons that a thumb would miss (WCAG 2.2, 2.5.8)."""
    return page.evaluate(  # type: ignore[no-any-return] # what the script returns
        "[...document.querySelectorAll('.v-page :is(button, a.v-button)')]"
        ".filter(e => e.offsetParent && !e.matches('.v-link'))"
        ".map(e => [e.textContent.trim(), e.getBoundingClientRect()])"
        ".filter(([, box]) => box.width < 24 || box.height < 24).map(([text]) => text)"
    )


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(
    desk: Callable[..., Desk], shown: dict[str, dict[str, str]], theme: str
) -> None:
    axe = Axe()
    problems = [
        f"{name}: {violation['id']}: {node['html'][:160]} {node['any'][:1]}"
        for name, page in visited(desk, shown, color_scheme=theme, bypass_csp=True)
        for violation in axe.run(page, options={"resultTypes": ["violations"]}).response[
            "violations"
        ]
        for node in violation["nodes"]
    ]
    assert not problems, "\n".join(problems)
