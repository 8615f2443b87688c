"""A real alert becomes an incident that a commander works in the browser, to its end."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from incidents.models import Incident
from tests.browser.desk import SOON, Desk, answer, state, step
from tests.browser.serving import Site
from tests.incidents.arranging import alert

Sit = Callable[..., Desk]


def fire(site: Site, key: str, **fields: object) -> str:
    """The incident's number."""
    return site.in_database(lambda: alert(site.cast, key, **fields).number)


def test_from_the_first_alert_to_the_end(site: Site, desk: Sit) -> None:
    commander, approver = desk("commander"), desk("approver")
    page = commander.go("/")
    number = fire(site, "journey", summary="Checkout does not answer", severity_text="error")
    row = page.get_by_role("link", name="Checkout does not answer").first
    expect(row).to_be_visible(timeout=SOON)
    row.click()

    expect(page).to_have_url(re.compile(f"/incidents/{number}/$"))
    page.get_by_role("button", name="Take command").click()
    expect(page.locator("#roles")).to_contain_text("commander", timeout=SOON)
    step(page, "Classify", "Checkout for all customers of the EU", "Classified")
    step(page, "Notify", "Paged on-call and backup", "Notified")
    step(page, "Acknowledge", "", "Acknowledged")
    expect(page.locator("#clock-acknowledge")).to_contain_text("Met")
    step(page, "Contained", "Rolled back to the last version", "Contained")
    step(page, "Investigate", "", "Investigating")
    step(page, "Contain again", "It came back; traffic is held off", "Contained")
    step(page, "Investigate", "", "Investigating")
    step(page, "Start the fix", "An index was missing", "Fixing")
    step(page, "Verify", "", "Verifying")
    step(page, "Verified", "No error in half an hour", "Documenting")
    step(page, "Start the postmortem", "", "Postmortem")

    expect(page.locator("#postmortem")).to_contain_text("still missing")
    page.get_by_role("link", name="Write the postmortem").click()
    write_postmortem(commander)
    accept_postmortem(approver, number)

    commander.war_room(number)
    expect(page.locator("#postmortem")).to_contain_text("Accepted by approver")
    step(page, "Close", "Nothing remains to be done", "Closed")
    expect(page.locator("#steps")).to_contain_text("All ten steps are behind it")
    ended = site.in_database(lambda: Incident.objects.get(pk=int(number[4:])))
    assert (ended.state, ended.next_target_at) == ("closed", None)


def write_postmortem(desk: Desk) -> None:
    page = desk.page
    texts = {
        "Summary": "Checkout was down for an hour.",
        "Impact": "Every customer in the EU.",
        "Root cause": "A query without an index.",
    }
    for label, text in texts.items():
        section = page.locator(f"#section-{label.lower().replace(' ', '_')}")
        section.get_by_role("link", name="Edit").click()
        section.get_by_role("textbox").fill(text)
        section.get_by_role("button", name="Save").click()
        expect(section.get_by_text(text)).to_be_visible(timeout=SOON)
    expect(page.locator("#status")).to_contain_text("No why has been asked", timeout=SOON)
    answer_why(page, "Ask why", "The query scanned the table.")
    # By keyboard alone: the answer is in the tab order, and Enter asks why of it.
    page.locator("#whys [data-node]").first.focus()
    page.keyboard.press("Enter")
    page.locator("#dialog").get_by_label("Because …").fill("No test has that many rows.")
    page.locator("#dialog [type=submit]").click()
    expect(page.locator("#whys ol ol")).to_contain_text("that many rows", timeout=SOON)
    page.locator("#items").get_by_role("link", name="Add").click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("What is done?").fill("Review slow queries weekly")
    dialog.get_by_label("Who sees to it?").select_option("responder")
    dialog.get_by_label("Until when?").fill("2040-03-01")
    dialog.locator("[type=submit]").click()
    expect(page.locator("#items")).to_contain_text("until 1 Mar 2040", timeout=SOON)
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_text("You wrote a part of it")).to_be_visible(timeout=SOON)


def answer_why(page: Page, link: str, text: str) -> None:
    page.locator("#whys").get_by_role("link", name=link, exact=True).click()
    page.locator("#dialog").get_by_label("Because …").fill(text)
    page.locator("#dialog [type=submit]").click()
    expect(page.locator("#whys")).to_contain_text(text, timeout=SOON)


def accept_postmortem(desk: Desk, number: str) -> None:
    desk.set_up_second_factor()
    page = desk.war_room(number)
    page.get_by_role("link", name="Read and accept").click()
    expect(page.locator("#section-root_cause")).to_contain_text("A query without an index.")
    page.get_by_role("button", name="Accept version 6").click()
    expect(page.get_by_text("Accepted by approver").first).to_be_visible()


def test_a_stale_tab_is_refused_and_keeps_the_text(site: Site, desk: Sit) -> None:
    number = fire(site, "stale")
    commander = desk("commander")
    first, second = commander.war_room(number), commander.new_tab()
    second.goto(first.url)
    second.get_by_role("link", name="Classify", exact=True).click()
    second.get_by_label("Which systems").fill("Typed at length")
    step(first, "Classify", "All of it", "Classified")

    state(second, "Classified")
    expect(second.locator("#dialog")).to_be_visible()
    second.locator("#dialog [type=submit]").click()
    refusal = second.locator("#dialog .v-refusal")
    expect(refusal).to_contain_text("has moved on: it is now P1 High, classified")
    expect(refusal).to_be_focused()
    expect(second.get_by_label("Which systems")).to_have_value("Typed at length")


def test_the_wrong_role_is_refused_with_the_reason(site: Site, desk: Sit) -> None:
    number = fire(site, "role")
    responder = desk("responder")
    page = responder.war_room(number)
    expect(page.get_by_role("link", name="Classify", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="False positive")).to_have_count(0)
    responder.go(f"/incidents/{number}/move/dismiss/?version=1")
    page.get_by_label("How do you know").fill("I just do")
    page.get_by_role("button", name="False positive").click()
    refusal = page.locator(".v-refusal")
    expect(refusal).to_contain_text("Your roles do not include “command incident”")
    expect(refusal).to_contain_text("The refusal is on record")


def test_severity_is_changed_with_its_meaning_in_sight(site: Site, desk: Sit) -> None:
    number = fire(site, "severity")
    page = desk("commander").war_room(number)
    page.get_by_role("link", name="Change severity").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("Complete service outage, data loss, security breach")
    dialog.get_by_role("radio").first.check()
    answer(page, "Everything is down")
    expect(page.locator("#head .v-sev")).to_have_text("P0", timeout=SOON)
    expect(page.locator("#timeline")).to_contain_text("P1 → P0: Everything is down")


def test_a_clock_is_paused_and_resumed(site: Site, desk: Sit) -> None:
    number = fire(site, "pause")
    page = desk("commander").war_room(number)
    clock = page.locator("#clock-respond")
    clock.get_by_text("How it ran").click()
    clock.get_by_role("link", name="Pause").click()
    answer(page, "The vendor has to act")
    expect(clock).to_contain_text("Paused", timeout=SOON)
    expect(clock).to_contain_text("The vendor has to act")
    clock.get_by_role("link", name="Resume").click()
    page.locator("#dialog [type=submit]").click()
    expect(clock).to_contain_text("Running", timeout=SOON)


def test_a_person_reports_what_no_detector_saw(site: Site, desk: Sit) -> None:
    page = desk("responder").go("/incidents/report/")
    page.get_by_label("What is wrong?").fill("Invoices show the wrong logo")
    page.get_by_role("radio").nth(3).check()
    page.get_by_role("button", name="Report an incident").click()
    expect(page).to_have_url(re.compile(r"/incidents/INC-\d+/$"))
    state(page, "Detected")
