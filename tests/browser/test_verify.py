"""The record checked where nobody but the reader decides: in their own browser."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from audit.ledger.keys import ensure_signer_key
from audit.ledger.sequencer import sequence_pending
from audit.ledger.signer import LedgerSigner
from audit.models import Checkpoint, Event
from audit.rows import row_save
from audit.search.fill import fill
from incidents.models import Service
from portal.stack.layout import Layout
from tests.browser.desk import Desk
from tests.browser.serving import Site
from tests.database import as_role, as_superuser
from tests.people import TESTS

Sit = Callable[..., Desk]
PROVEN = "This entry is in the log, unchanged"
BROKEN = "This event does not check out."


def key(site: Site) -> str:
    path = Layout(site.var).signer_key
    path.parent.mkdir(parents=True, exist_ok=True)
    return ensure_signer_key(path).verifier.vkey


def publish(site: Site) -> None:
    def work() -> None:
        path = Layout(site.var).signer_key
        with as_role("vigil_ledger"):
            while sequence_pending():
                continue
            while fill():
                continue
        with as_role("vigil_signer"):
            LedgerSigner(ensure_signer_key(path), path.with_suffix(".state")).sign()

    key(site)
    site.in_database(work)


def add(site: Site, slug: str, count: int = 1) -> int:
    def work() -> int:
        for number in range(count):
            row_save(instance=Service(slug=f"{slug}-{number}", name=slug), by=TESTS)
        return Event.objects.order_by("-id").values_list("id", flat=True)[0]

    return site.in_database(work)


def verified(page: Page) -> Page:
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.locator("#verify-verdict")).to_be_visible()
    expect(page.get_by_role("button", name="Verify", exact=True)).to_be_enabled()
    return page


def keep(page: Page, vkey: str) -> None:
    page.get_by_text("The key that you trust").click()
    page.locator("#verify-pin").fill(vkey)
    page.get_by_role("button", name="Keep it in this browser").click()


def says(page: Page, *words: str) -> None:
    for said in words:
        expect(page.locator("#verify")).to_contain_text(said)


@contextmanager
def edited(site: Site, table: str, statement: str, undo: str) -> Iterator[None]:
    """As a superuser does behind the triggers."""

    def run(edit: str) -> None:
        with as_superuser() as superuser:
            named = (
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
            )
            triggers = [name for (name,) in superuser.execute(named, [table])]
            superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            superuser.execute(edit)
            for name in triggers:
                superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")

    site.in_database(functools.partial(run, statement))
    try:
        yield
    finally:
        site.in_database(functools.partial(run, undo))


def test_an_honest_event_is_proven_and_again_as_the_log_grows(site: Site, desk: Sit) -> None:
    number = add(site, "honest")
    publish(site)
    page = desk("auditor").go(f"/audit/events/{number}/")
    says(verified(page), "Proven: the entry is in the log", "Proven: the checkpoint is signed")
    says(page, "The server itself named the key", "has seen no checkpoint of it yet")
    keep(page, key(site))
    # Over the edge of a tile, so that full ones and partial ones are read.
    for grown in (1, 2, 300):
        add(site, f"grown-{grown}", grown)
        publish(site)
        says(verified(page), "are still there, unchanged", PROVEN)
        expect(page.locator(".au-step-bad")).to_have_count(0)


def test_an_entry_that_was_changed_is_caught(site: Site, desk: Sit) -> None:
    number = add(site, "tampered")
    publish(site)
    change = (
        "UPDATE audit_event_p0 SET entry = convert_to(replace(convert_from(entry, 'UTF8'), {}), "
    )
    change += f"'UTF8') WHERE id = {number}"
    there, back = "'system:tests', 'system:other'", "'system:other', 'system:tests'"
    with edited(site, "audit_event_p0", change.format(there), change.format(back)):
        page = verified(desk("auditor").go(f"/audit/events/{number}/"))
        says(page, BROKEN, "Failed: the entry is in the log", "changed after it was recorded")


def test_a_signature_that_is_not_the_keys_is_caught(site: Site, desk: Sit) -> None:
    number = add(site, "forged")
    publish(site)
    note = site.in_database(lambda: Checkpoint.objects.order_by("-size")[0].note)
    forged = f"{note[:-30]}AAAA{note[-26:]}"
    write = "UPDATE audit_checkpoint SET note = '{}' WHERE note = '{}'"
    with edited(site, "audit_checkpoint", write.format(forged, note), write.format(note, forged)):
        page = verified(desk("auditor").go(f"/audit/events/{number}/"))
        says(page, BROKEN, "Failed: the checkpoint is signed")


def test_what_is_pending_is_to_be_waited_for(site: Site, desk: Sit) -> None:
    number = add(site, "pending")
    key(site)
    says(verified(desk("auditor").go(f"/audit/events/{number}/")), "Wait a few seconds")
    publish(site)


def test_another_key_than_the_one_that_is_kept_is_said_to_be_so(site: Site, desk: Sit) -> None:
    number = add(site, "keys")
    publish(site)
    page = desk("auditor").go(f"/audit/events/{number}/")
    keep(page, "not a key")
    says(page, "Not kept: this is no Ed25519 verifier key.")
    page.evaluate("localStorage.setItem('vigil:pinned-key', 'example.org+00000000+AAAA')")
    says(verified(page), BROKEN, "another one than you keep in this browser")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("seen.root = '00'.repeat(32)", "what was recorded before then has been changed"),
        ("seen.size = 10_000_000", "the log was cut or replaced"),
    ],
)
def test_a_log_that_does_not_continue_what_was_seen_is_caught(
    site: Site, desk: Sit, change: str, words: str
) -> None:
    number = add(site, f"past-{len(words)}")
    publish(site)
    page = verified(desk("auditor").go(f"/audit/events/{number}/"))
    page.evaluate(
        "() => { const name = Object.keys(localStorage).find((key) => key.startsWith('vigil:seen:'));"
        f" const seen = JSON.parse(localStorage.getItem(name)); {change};"
        " localStorage.setItem(name, JSON.stringify(seen)); }"
    )
    says(verified(page), BROKEN, words)


def test_the_list_is_read_by_keyboard(site: Site, desk: Sit) -> None:
    number = add(site, "zebra")
    publish(site)
    page = desk("auditor").go("/audit/")
    page.keyboard.press("/")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("zebra")
    page.keyboard.press("Enter")
    expect(page.locator("[data-row]")).to_have_count(1)
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("j")
    expect(page.locator("[data-row]").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/audit/events/{number}/")
