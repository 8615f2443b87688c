"""Restricting an incident in the war room, letting somebody in, and lifting it."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.desk import SOON, Desk
from tests.browser.serving import Site
from tests.browser.test_procedure import fire

Sit = Callable[..., Desk]


def test_it_is_restricted_and_somebody_is_let_in(site: Site, desk: Sit, screenshots: Path) -> None:
    number = fire(site, "secret", summary="Keys in a public bucket")
    commander, responder = desk("commander"), desk("responder")
    page = commander.war_room(number)
    page.get_by_role("button", name="Take command").click()
    page.get_by_role("link", name="Restrict", exact=True).click()
    dialog = page.locator("#dialog")
    dialog.locator("textarea").fill("An attacker may read along")
    page.screenshot(path=screenshots / "restrict-dialog.png")
    dialog.locator("[type=submit]").click()
    panel = page.locator("#restriction")
    expect(panel).to_contain_text("Administrator", timeout=SOON)
    expect(page.locator("#head")).to_contain_text("Restricted")
    expect(responder.war_room(number).locator("body")).to_contain_text("may not see it")

    panel.get_by_role("link", name="Let in").click()
    dialog.locator("select").select_option(label="responder")
    dialog.locator("[type=submit]").click()
    expect(panel).to_contain_text("responder", timeout=SOON)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=screenshots / f"restricted-{width}.png", full_page=True)
    expect(responder.war_room(number).locator("#head")).to_contain_text("Restricted")

    page.set_viewport_size({"width": 1280, "height": 900})
    panel.get_by_role("link", name="Take out responder").click()
    dialog.locator("[type=submit]").click()
    expect(panel).not_to_contain_text("responder", timeout=SOON)
    panel.get_by_role("link", name="Lift the restriction").click()
    dialog.locator("textarea").fill("The keys are rotated")
    dialog.locator("[type=submit]").click()
    expect(panel).to_be_hidden(timeout=SOON)
    expect(responder.war_room(number).locator("#head")).to_contain_text("Keys in a public")
