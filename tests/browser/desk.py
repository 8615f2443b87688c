"""A person at a browser."""

from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.authenticator import code_of, secret_from
from tests.browser.serving import PASSWORD, Site

# The promise of the pages: what changes shows within five seconds, without a reload.
SOON = 5_000


class Desk:
    def __init__(self, site: Site, context: BrowserContext, name: str) -> None:
        self.site, self.context = site, context
        self.page = self.new_tab()
        self.page.goto(f"{site.url}/login/")
        self.page.fill("[name=username]", name)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("[type=submit]")
        expect(self.page).to_have_url(f"{site.url}/")

    def new_tab(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", self._fail)
        return page

    def _fail(self, error: Exception) -> None:
        raise AssertionError(error)

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.site.url}{path}")
        return self.page

    def set_up_second_factor(self, screenshots: Path | None = None) -> tuple[bytes, list[str]]:
        """By the pages. Returns the secret, of which the present code is used up, and the recovery
        codes."""
        page = self.go("/account/second-factor/")
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Begin").click()
        secret = secret_from(page.locator("#secret").input_value())
        self._picture("second-factor-set-up", screenshots)
        page.locator("[name=code]").fill(code_of(secret))
        page.get_by_role("button", name="Confirm").click()
        codes = page.locator("#codes li")
        expect(codes).to_have_count(10)
        self._picture("second-factor-codes", screenshots)
        return secret, codes.all_inner_texts()

    def _picture(self, name: str, screenshots: Path | None) -> None:
        for width in (1280, 390) if screenshots else ():
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.screenshot(path=f"{screenshots}/{name}-{width}.png", full_page=True)

    def war_room(self, number: str) -> Page:
        return self.go(f"/incidents/{number}/")


def state(page: Page, wanted: str) -> None:
    """Waits for it, as somebody who watches would."""
    expect(page.locator("#head .v-state")).to_have_text(wanted, timeout=SOON)


def step(page: Page, label: str, reason: str, becomes: str) -> None:
    """Presses the step's button, answers its question, and sees it done."""
    page.get_by_role("link", name=label, exact=True).click()
    answer(page, reason)
    state(page, becomes)


def answer(page: Page, reason: str) -> None:
    dialog = page.locator("#dialog")
    expect(dialog).to_be_visible()
    dialog.locator("textarea").fill(reason)
    dialog.locator("[type=submit]").click()


def fill(page: Page, texts: Mapping[str, str]) -> None:
    for label, text in texts.items():
        page.get_by_label(label, exact=True).fill(text)
