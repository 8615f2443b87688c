"""While the database is away, pages are there to read: nothing that changes anything is offered, and they say why."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from incidents.procedure import State
from incidents.services.timeline import timeline_note
from tests.browser.desk import Desk
from tests.browser.serving import Site
from tests.incidents.making import in_state

# As `templates/read_only/banner.html` has it; a page that is open gets it by its next poll.
BANNER = '<p class="v-read-only" role="status"><strong>Read only since 12:00.</strong> The database is away.</p>'
WORD = "Read only: nothing can be changed"
OFFERED = """
() => [...document.querySelectorAll(`
    form[method="post" i] :is(button, input[type=submit], input[type=image]),
    [type=submit][form], [hx-post]:not(form), [hx-target="#dialog-body"], a[href]`)]
  .filter(e => e.checkVisibility() && !e.matches("[type=button]"))
  .filter(e => !e.matches("a:not([hx-target])")
    || /[/](add|delete|erase|close|report|new|second-factor|password)[/]/.test(e.getAttribute("href")))
  .map(e => e.textContent.trim() || e.title || e.getAttribute("href") || e.outerHTML)
"""
# As a person reads it, words that the style adds included.
SAID = """
() => [...document.querySelectorAll("form, #actions")]
  .filter(e => e.checkVisibility()).map(e => getComputedStyle(e, "::after").content).join(" ")
"""


@pytest.fixture(scope="module")
def pages(site: Site) -> dict[str, list[str]]:
    """By who looks at them."""

    def arrange() -> dict[str, list[str]]:
        war = in_state(site.cast, State.ACKNOWLEDGED)
        timeline_note(incident=war, by=site.cast.principal("commander"), text="It began at 02:50")
        written = in_state(site.cast, State.POSTMORTEM)
        person = site.cast.responder.pk
        return {
            "commander": [
                "/",
                "/incidents/incident/?state=",
                "/incidents/report/",
                f"/incidents/{war.number}/",
                f"/incidents/{war.number}/severity/?version=1",
                f"/incidents/{written.number}/postmortem/",
                "/account/",
                "/account/second-factor/",
            ],
            "administrator": [
                "/governance/",
                "/governance/policies/",
                "/governance/policies/new/",
                "/audit/user/",
                "/audit/user/add/",
                f"/audit/user/{person}/change/",
                "/incidents/service/",
                "/incidents/service/add/",
            ],
        }

    return site.in_database(arrange)


def offered(page: Page) -> list[str]:
    found: list[str] = page.evaluate(OFFERED)
    return found


def go_read_only(page: Page) -> None:
    page.evaluate("banner => { document.getElementById('read-only').innerHTML = banner }", BANNER)


@pytest.mark.parametrize("who", ["commander", "administrator"])
def test_nothing_that_changes_anything_is_offered_and_forms_say_why(
    desk: Callable[..., Desk], pages: dict[str, list[str]], who: str, screenshots: Path
) -> None:
    at_desk = desk(who)
    for number, path in enumerate(pages[who]):
        page = at_desk.go(path)
        before = offered(page)
        assert before or path == "/governance/", f"{path} offers nothing to begin with"
        go_read_only(page)
        assert offered(page) == [], path
        forms = page.locator("main form[method=post]:visible, #actions:visible").count()
        assert not forms or WORD in page.evaluate(SAID), path
        page.screenshot(path=screenshots / f"read-only-{who}-{number}.png", full_page=True)
        page.evaluate("document.getElementById('read-only').innerHTML = ''")
        assert offered(page) == before, path


def test_what_was_typed_stays_and_shortcuts_offer_no_change(
    desk: Callable[..., Desk], pages: dict[str, list[str]]
) -> None:
    page = desk("commander").go(pages["commander"][3])
    page.fill("#note_text", "It began at 02:47")
    go_read_only(page)
    assert page.input_value("#note_text") == "It began at 02:47"
    said = page.evaluate(
        "getComputedStyle(document.querySelector('#logout-form'), '::after').content"
    )
    assert "Signing out waits" in said
    page.locator("#head h2").click()
    page.keyboard.press("s")
    page.wait_for_timeout(300)
    assert not page.locator("#dialog[open]").count()
    page.keyboard.press("?")
    assert "Change severity" not in page.locator("#shortcuts-list").inner_text()
