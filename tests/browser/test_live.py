"""Several people at once, a poor connection, a wrong clock: nothing typed is lost, nothing lies."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from incidents.models import Incident
from incidents.services.timeline import timeline_note
from tests.browser.desk import SOON, Desk, state, step
from tests.browser.serving import Site
from tests.browser.test_procedure import fire
from tests.incidents.arranging import many_entries, recorded
from tests.incidents.making import opened

Sit = Callable[..., Desk]


def note(page: Page, text: str) -> None:
    page.locator("#note_text").fill(text)
    page.locator("#note_text").press("Control+Enter")


def test_what_one_writes_the_other_reads_within_five_seconds(site: Site, desk: Sit) -> None:
    number = fire(site, "live")
    one, other = desk("commander").war_room(number), desk("responder").war_room(number)
    note(one, "Deploy of 02:47 rolled back\nsecond line")
    expect(other.locator("#timeline")).to_contain_text("Deploy of 02:47", timeout=SOON)
    expect(one.locator("#note_text")).to_have_value("")
    step(one, "Classify", "All of it", "Classified")
    state(other, "Classified")


def test_a_refresh_leaves_alone_what_is_being_done(site: Site, desk: Sit) -> None:
    number = fire(site, "typing")
    one, other = desk("commander").war_room(number), desk("responder").war_room(number)
    other.locator("#clock-respond").get_by_text("How it ran").click()
    text = other.locator("#note_text")
    text.fill("Half a sen")
    text.evaluate("element => element.setSelectionRange(2, 5)")
    top = other.evaluate("window.scrollY")
    note(one, "Something new")
    step(one, "Classify", "All of it", "Classified")
    state(other, "Classified")
    expect(other.locator("#timeline")).to_contain_text("Something new")
    expect(text).to_have_value("Half a sen")
    expect(text).to_be_focused()
    selection = "element => [element.selectionStart, element.selectionEnd]"
    assert text.evaluate(selection) == [2, 5]
    assert other.evaluate("window.scrollY") == top
    assert other.locator("#clock-respond-more").evaluate("element => element.open")


def test_focus_stays_on_a_row_that_moves(site: Site, desk: Sit) -> None:
    number = fire(site, "focus", summary="Stays in focus")
    page = desk("commander").go("/")
    link = page.get_by_role("link", name="Stays in focus").first
    link.focus()
    fire(site, "newer", summary="Came later", severity_text="critical")
    expect(page.get_by_role("link", name="Came later").first).to_be_visible(timeout=SOON)
    expect(link).to_be_focused()
    assert number


def test_what_is_sent_without_a_connection_arrives_once_by_itself(site: Site, desk: Sit) -> None:
    number = fire(site, "offline")
    commander = desk("commander")
    page = commander.war_room(number)
    line = page.locator("#connection")
    commander.context.set_offline(True)
    expect(line).to_contain_text("Connection lost", timeout=10_000)
    page.locator("#note_text").press_sequentially("Written in the dark")
    for _ in range(2):
        page.locator("#note_text").press("Control+Enter")
        refusal = page.locator("#note-form .v-refusal")
        expect(refusal).to_contain_text("Your text is kept, and is sent once by itself")
    page.wait_for_timeout(4_000)
    expect(page.locator("#note_text")).to_have_value("Written in the dark")
    commander.context.set_offline(False)
    expect(page.locator("#timeline")).to_contain_text("Written in the dark", timeout=10_000)
    expect(page.locator("#note_text")).to_have_value("")
    expect(line).to_be_hidden()
    page.reload()
    expect(page.locator("#note_text")).to_have_value("")
    expect(page.locator("#timeline").get_by_text("Written in the dark")).to_have_count(1)


def test_an_answer_that_was_lost_writes_nothing_twice(site: Site, desk: Sit) -> None:
    page = desk("commander").war_room(fire(site, "lost-answer"))
    lost = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch())
            route.abort("connectionreset")

    page.route("**/timeline/add/", lose)
    note(page, "It arrived, the answer did not")
    expect(page.locator("#note_text")).to_have_value("", timeout=10_000)
    page.reload()
    expect(page.locator("#timeline").get_by_text("It arrived, the")).to_have_count(1)


def test_a_text_that_was_changed_meanwhile_is_not_sent_half(site: Site, desk: Sit) -> None:
    commander = desk("commander")
    page = commander.war_room(fire(site, "changed"))
    commander.context.set_offline(True)
    note(page, "Half")
    expect(page.locator("#note-form .v-refusal")).to_contain_text("No connection")
    page.locator("#note_text").press_sequentially(" and more")
    expect(page.locator("#note-form .v-refusal")).to_contain_text("Changed since it was sent")
    commander.context.set_offline(False)
    page.wait_for_timeout(4_000)
    expect(page.locator("#note_text")).to_have_value("Half and more")
    page.reload()
    expect(page.locator("#note_text")).to_have_value("Half and more")
    page.locator("#note_text").press("Control+Enter")
    expect(page.locator("#timeline")).to_contain_text("Half and more", timeout=SOON)


def test_a_dialogs_text_survives_its_closing(site: Site, desk: Sit) -> None:
    page = desk("commander").war_room(fire(site, "draft"))
    page.get_by_role("link", name="Classify", exact=True).click()
    page.get_by_label("Which systems").fill("Half of it")
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.get_by_role("link", name="Classify", exact=True)).to_be_focused()
    page.get_by_role("link", name="Classify", exact=True).click()
    expect(page.get_by_label("Which systems")).to_have_value("Half of it")


def test_who_is_signed_out_is_told_and_loses_nothing(site: Site, desk: Sit) -> None:
    commander = desk("commander")
    page = commander.war_room(fire(site, "signed-out"))
    page.locator("#note_text").fill("Still here")
    commander.context.clear_cookies()
    expect(page.locator("#connection")).to_contain_text("You are signed out", timeout=SOON)
    expect(page.locator("#note_text")).to_have_value("Still here")


@pytest.mark.parametrize("hours", [-7, 7])
def test_a_wrong_clock_does_not_make_the_countdown_lie(site: Site, desk: Sit, hours: int) -> None:
    number = fire(site, f"clock-{hours}")
    commander = desk("commander")
    commander.page.add_init_script(
        f"const shift = {hours} * 3600e3; const now = Date.now; Date.now = () => now() + shift;"
    )
    page = commander.war_room(number)
    countdown = page.locator("#clock-respond .v-countdown")
    expect(countdown).to_have_text(re.compile(r"^in (59|58) min$"))
    page.wait_for_timeout(4_000)
    expect(countdown).to_have_text(re.compile(r"^in (59|58) min$"))


def test_a_deadline_that_passes_is_seen_to_pass(site: Site, desk: Sit) -> None:
    number = fire(site, "passing")
    page = desk("responder").war_room(number)

    def bring_near() -> None:
        leg = Incident.objects.get(pk=int(number[4:])).clock_legs.get()
        leg.pk, leg.position, leg.began_at = None, leg.position + 1, timezone.now()
        leg.target = timedelta(seconds=6)
        leg.target_at = leg.began_at + leg.target
        leg.save(force_insert=True)

    site.in_database(lambda: recorded(bring_near))
    # No entry tells of it: only a later change, or the deadline itself, brings it to the page.
    note(page, "Look again")
    clock = page.locator("#clock-respond")
    expect(clock).to_contain_text("Breached", timeout=15_000)
    expect(clock).to_have_attribute("data-urgency", "over")
    expect(clock.locator(".v-countdown")).to_contain_text("over")


def test_a_correction_shows_in_its_place_for_everybody(site: Site, desk: Sit) -> None:
    number = fire(site, "correct")
    one, other = desk("responder").war_room(number), desk("commander").war_room(number)
    note(one, "Disk full")
    expect(other.locator("#timeline")).to_contain_text("Disk full", timeout=SOON)
    one.locator(".v-entry--note").hover()
    one.get_by_role("link", name="Correct").click()
    expect(one.get_by_label("How it should read")).to_have_value("Disk full")
    one.get_by_label("How it should read").fill("Inodes full")
    one.locator("#dialog [type=submit]").click()
    expect(other.locator("#timeline")).to_contain_text("Inodes full", timeout=SOON)
    expect(other.locator("#timeline")).to_contain_text("Corrected by responder")


def long_incident(site: Site, entries: int) -> str:
    def make() -> Incident:
        incident = opened(site.cast)
        many_entries(incident, entries)
        return incident

    return site.in_database(make).number


def test_two_thousand_entries_open_like_ten(site: Site, desk: Sit) -> None:
    commander = desk("commander")
    page = commander.war_room(long_incident(site, 2_000))
    expect(page.locator("#timeline > li")).to_have_count(50)
    for shown in (100, 150, 200):
        page.get_by_role("link", name="Older entries").click()
        expect(page.locator("#timeline > li")).to_have_count(shown)
    note(page, "On top")
    expect(page.locator("#timeline > li").first).to_contain_text("On top", timeout=SOON)
    expect(page.locator("#timeline > li")).to_have_count(201)


def test_a_note_of_earlier_goes_to_its_place(site: Site, desk: Sit) -> None:
    number = long_incident(site, 5)
    page = desk("commander").war_room(number)

    def add() -> None:
        incident = Incident.objects.get(pk=int(number[4:]))
        at = incident.timeline.get(text="Note 3").occurred_at
        by = site.cast.principal("responder")
        timeline_note(incident=incident, by=by, text="In between", occurred_at=at)

    site.in_database(add)
    expect(page.locator("#timeline > li").nth(3)).to_contain_text("In between", timeout=SOON)
    expect(page.locator("#timeline > li").nth(4)).to_contain_text("Note 3")
