"""What the installation says of itself: the levels on the system-health page, or wherever it tells."""

import re

from portal.system.capabilities import CAPABILITIES, Level
from tests.fault_matrix.house import House

# What is this machine's doing, and no dependency's.
OF_THE_MACHINE = {"shed", "urgent-shed", "memory", "disk", "queue"}
_ON_PAGE = (
    r"<(?:strong|span)>{title}</(?:strong|span)>\s*<span class=\"[^\"]*\">(\w+)</span>\s*</p>"
    r"((?:\s*<p[^>]*>[^<]*</p>)*)"
)
_IN_TERMINAL = r"^(full|degraded|off) +{title}\n((?: {{10}}.*\n)*)"


def claims(house: House) -> dict[str, Level]:
    """By title; empty where nothing can be had at the moment. The page for who is signed in, the one
    for everybody where it leads there, or the terminal where nobody serves pages."""
    page = house.open("/system/", HX_Request="true")
    if page.status == 302:
        page = house.visit("/health/system")
    if page.status == 200:
        return _read(page.body, _ON_PAGE)
    if page.status == 0:
        return _read(house.manage("system").stdout, _IN_TERMINAL)
    return {}


def _read(text: str, pattern: str) -> dict[str, Level]:
    found = {}
    for each in CAPABILITIES:
        match = re.search(pattern.format(title=re.escape(each.title)), text, re.MULTILINE)
        if match is None:
            continue
        level = Level(match[1])
        own = {text for name, text in each.without.items() if name in OF_THE_MACHINE}
        told = {line.strip() for line in re.sub(r"<[^>]+>", "\n", match[2]).splitlines()} - {""}
        if level is Level.DEGRADED and told and told <= own:
            level = Level.FULL
        found[each.title] = level
    return found
