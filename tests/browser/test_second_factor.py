"""Setting up an authenticator app, and signing in with a code of it, as a person does."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from audit.accounts import user_create
from audit.models import User
from tests.authenticator import PASSWORD, code_of
from tests.browser.desk import Desk
from tests.browser.serving import Site
from tests.people import TESTS

Sit = Callable[..., Desk]


def somebody(site: Site, name: str) -> None:
    def make() -> None:
        user_create(user=User(username=name), password=PASSWORD, roles=["Commander"], by=TESTS)

    site.in_database(make)


def test_it_is_set_up_and_asked_for_at_the_next_sign_in(
    site: Site, desk: Sit, screenshots: Path
) -> None:
    somebody(site, "newcomer")
    at = desk("newcomer")
    secret, codes = at.set_up_second_factor(screenshots)
    assert len(codes) == 10
    page = at.page
    page.context.clear_cookies()
    at.go("/incidents/report/")
    page.fill("[name=username]", "newcomer")
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    expect(page).to_have_url(f"{site.url}/sign-in/code/")
    expect(page.locator("[name=code]")).to_be_focused()
    page.screenshot(path=screenshots / "sign-in-code.png")
    page.locator("[name=code]").fill(code_of(secret, steps=-9))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("wrong, or was used before")).to_be_visible()
    page.locator("[name=code]").fill(code_of(secret, steps=1))
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/incidents/report/")


def test_a_recovery_code_signs_in_too(site: Site, desk: Sit, screenshots: Path) -> None:
    somebody(site, "lostphone")
    at = desk("lostphone")
    _secret, codes = at.set_up_second_factor(screenshots)
    page = at.page
    page.context.clear_cookies()
    at.go("/account/")
    page.fill("[name=username]", "lostphone")
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    page.locator("[name=code]").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/account/")
    expect(page.get_by_text("9 recovery codes left")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert re.search("Second factor", page.content())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
