"""The timeline at work: commands by keyboard, pins and files seen by others, a filter that stays."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.desk import SOON, Desk
from tests.browser.serving import Site
from tests.browser.test_live import note
from tests.browser.test_procedure import fire

Sit = Callable[..., Desk]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f"
    "00050001ff56c7d8720000000049454e44ae426082"
)


def test_commands_are_chosen_by_keyboard(site: Site, desk: Sit) -> None:
    page = desk("commander").war_room(fire(site, "commands"))
    field, offered = page.locator("#note_text"), page.locator("#note-commands")
    field.press_sequentially("/")
    expect(offered.get_by_role("option")).to_have_count(7)
    field.press_sequentially("s")
    expect(offered.get_by_role("option")).to_have_count(2)
    field.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "note-command-status")
    field.press("Escape")
    expect(offered).to_be_hidden()
    expect(field).to_be_focused()
    field.fill("")
    field.press_sequentially("/pi")
    field.press("ArrowDown")
    field.press("Enter")
    expect(field).to_have_value("/pin ")
    field.press_sequentially("Bridge: room 4")
    field.press("Control+Enter")
    expect(page.locator("#pins")).to_contain_text("Bridge: room 4", timeout=SOON)
    expect(field).to_have_value("")


def test_an_unknown_command_keeps_what_was_typed(site: Site, desk: Sit) -> None:
    page = desk("commander").war_room(fire(site, "unknown-command"))
    note(page, "/var/log is full")
    expect(page.locator("#note-form .v-refusal")).to_contain_text("There is no command /var/log")
    expect(page.locator("#note_text")).to_have_value("/var/log is full")
    note(page, "//var/log is full")
    expect(page.locator("#timeline")).to_contain_text("/var/log is full", timeout=SOON)


def test_pins_and_files_of_one_are_seen_by_the_other(site: Site, desk: Sit) -> None:
    number = fire(site, "pins")
    one, other = desk("commander").war_room(number), desk("responder").war_room(number)
    one.get_by_text("Attach files").click()
    one.locator("#note_files").set_input_files(
        [
            {"name": "graph.png", "mimeType": "image/png", "buffer": PIXEL},
            {"name": "app.log", "mimeType": "text/plain", "buffer": b"disk full"},
        ]
    )
    note(one, "See the graph")
    entry = other.locator(".v-entry", has_text="See the graph")
    expect(entry.get_by_role("img", name="graph.png")).to_be_visible(timeout=SOON)
    assert (
        entry.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    )
    with other.expect_download() as download:
        entry.get_by_role("link", name="app.log").click()
    assert download.value.suggested_filename == "app.log"
    entry.hover()
    entry.get_by_role("link", name="Pin", exact=True).click()
    other.get_by_role("button", name="Pin").click()
    expect(one.locator("#pins")).to_contain_text("See the graph", timeout=SOON)
    pin = one.locator(".v-entry", has_text="See the graph").locator("[data-pin]")
    expect(pin).to_be_hidden()
    one.locator("#pins").get_by_role("link", name="Unpin").click()
    one.get_by_role("button", name="Unpin").click()
    expect(other.locator("#pins")).to_be_hidden(timeout=SOON)
    expect(pin).not_to_have_attribute("hidden", "")


def test_a_filter_stays_while_the_page_is_live(site: Site, desk: Sit) -> None:
    number = fire(site, "filter")
    one, other = desk("commander").war_room(number), desk("responder").war_room(number)
    other.get_by_text("Filter", exact=True).first.click()
    other.get_by_label("Kind").select_option("Notes")
    expect(other).to_have_url(f"{site.url}/incidents/{number}/?kind=notes&author=&q=")
    search = other.get_by_label("Words")
    search.focus()
    note(one, "/status We look into it")
    note(one, "A note that fits")
    expect(other.locator("#timeline")).to_contain_text("A note that fits", timeout=SOON)
    expect(other.locator("#timeline .v-entry")).to_have_count(1)
    expect(search).to_be_focused()
