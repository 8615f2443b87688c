import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from portal.stack.processes import ROOT
from tests.browser.serving import Site, serving

CHROMIUM = "/usr/bin/chromium"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    missing = lacking()
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            if missing:
                item.add_marker(pytest.mark.skip(reason=missing))


def lacking() -> str:
    """What it takes to drive a browser, and is not there."""
    try:
        import playwright  # noqa: F401, PLC0415
    except ImportError:
        return "NO BROWSER TESTS: the Python package playwright is not installed"
    if not chromium():
        return f"NO BROWSER TESTS: there is no Chromium at {CHROMIUM} (VIGIL_CHROMIUM says where)"
    return ""


def chromium() -> str | None:
    return shutil.which(os.environ.get("VIGIL_CHROMIUM", CHROMIUM))


@pytest.fixture(scope="session")
def site(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    with serving(django_db_blocker) as site:
        yield site


@pytest.fixture
def browser() -> Iterator["Browser"]:
    """One a test: its event loop must be gone before another test touches the database."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def desk(site: Site, browser: "Browser") -> Callable[..., "Desk"]:
    """Somebody at a browser of their own, signed in."""

    def sit_down(name: str, **options: object) -> Desk:
        return Desk(site, browser.new_context(**options), name)  # type: ignore[arg-type] # Playwright's own

    return sit_down


@pytest.fixture(scope="session")
def screenshots() -> Path:
    directory = Path(os.environ.get("VIGIL_SCREENSHOTS", ROOT / "var" / "screenshots"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


if not lacking():
    from playwright.sync_api import Browser, sync_playwright

    from tests.browser.desk import Desk
