import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.desk import Desk, state
from tests.browser.serving import Site
from tests.browser.test_procedure import fire

Sit = Callable[..., Desk]


def test_a_question_mark_lists_the_shortcuts(site: Site, desk: Sit) -> None:
    page = desk("commander").war_room(fire(site, "help"))
    page.keyboard.press("?")
    help_ = page.locator("#shortcuts")
    expect(help_).to_be_visible()
    for meaning in ("Dashboard", "Write a note", "Classify", "Take command", "Change severity"):
        expect(help_).to_contain_text(meaning)
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()


def test_an_incident_is_worked_without_a_mouse(site: Site, desk: Sit) -> None:
    number = fire(site, "keys", summary="Work me by key", severity_text="critical")
    page = desk("commander").go("/incidents/report/")
    page.locator("body").press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("g")
    page.keyboard.press("i")
    expect(page).to_have_url(re.compile("/incidents/incident/$"))
    page.keyboard.press("j")
    expect(page.locator("[data-row]").first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("[data-row]").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/incidents/{number}/$"))
    page.keyboard.press("a")
    expect(page.locator("#dialog textarea")).to_be_focused()
    page.keyboard.type("Everything, for all")
    page.keyboard.press("Control+Enter")
    state(page, "Classified")
    page.keyboard.press("n")
    expect(page.locator("#note_text")).to_be_focused()
    page.keyboard.type("g i j a ? are only letters here")
    expect(page.locator("#dialog")).to_be_hidden()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#timeline")).to_contain_text("are only letters here")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page).to_have_url(f"{site.url}/")


def test_they_can_be_turned_off(site: Site, desk: Sit) -> None:
    page = desk("commander").go("/")
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.wait_for_timeout(300)
    expect(page).to_have_url(f"{site.url}/")
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts").check()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile("/incidents/report/$"))
