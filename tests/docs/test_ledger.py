"""`docs/ledger.md` names what the verifier names."""

import re
from pathlib import Path

from django.core.management import load_command_class
from django.core.management.base import BaseCommand

from audit.ledger.kinds import Kind
from audit.ledger.report import Report

DOCUMENT = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()


def section(title: str) -> str:
    return DOCUMENT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_kinds_are_those_of_the_code_in_their_words() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", section("Kinds of tampering"), re.MULTILINE)
    assert rows[1:] == [(kind.value, kind.meaning) for kind in Kind]


def test_the_statuses_are_those_of_the_report() -> None:
    broken = Report(size=1, signed=1)
    broken.add(Kind.ENTRY_CHANGED, "", 0)
    reports = [Report(size=1, signed=1), Report(size=2, signed=1), Report(size=1), broken]
    rows = re.findall(r"^\| `(\w+)` \|", section("What it says"), re.MULTILINE)
    assert rows == [report.status for report in reports]


def test_the_options_are_those_of_the_command() -> None:
    parser = load_command_class("audit", "verify_ledger").create_parser(
        "manage.py", "verify_ledger"
    )
    shared = BaseCommand().create_parser("manage.py", "verify_ledger")
    options = set(parser._option_string_actions) - set(shared._option_string_actions)
    documented = re.findall(
        r"^\| `(--[\w-]+)", DOCUMENT.partition("## What it says")[0], re.MULTILINE
    )
    assert set(documented) == options
