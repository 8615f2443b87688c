"""Every call out of the process, by which policy, and nobody around it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from incidents.models import Incident
from incidents.tasks import drain_receipts
from portal import emergency
from portal.lib.resilience import shared as sharing
from portal.lib.resilience.policies import POLICIES
from portal.stack.layout import Layout
from tests.incidents.api.calling import issued, with_secret
from tests.people import Cast
from tests.portal.lib.resilience.serving import Server, serving, status

ROOT = Path(__file__).parents[2]

# Who calls out, and by which policy. What is not here does not.
OUTBOUND: dict[str, set[str]] = {
    "audit/journal/ship/delivery.py": {"journal-central"},
    "audit/witness/exchange.py": {"witnesses"},
    "incidents/services/waking.py": {"broker"},
    "portal/emergency.py": {"emergency-pagerduty"},
    "portal/probes.py": {"probe"},
    "portal/system/measures.py": {"broker"},
}
# Guarded in another way than by `call`, with the same table.
GUARDED = {
    "database": "portal/database/base.py",
    "replica": "portal/database/base.py",
    "cache": "portal/lib/resilience/shared.py",
}
# The policy is there for whoever sends pages; nothing does yet.
UNUSED = {"pagerduty"}

CLIENTS = {"http.client", "urllib.request", "smtplib", "requests", "httpx", "redis", "lightkube"}
# What may import a client, and why it is no call around the table.
ALLOWED = {
    "portal/lib/resilience/http.py": {"http.client"},
    "portal/lib/resilience/failing.py": {"http.client"},
    "portal/lib/resilience/shared.py": {"redis"},
    # The supervisor of `make run` looks whether its own children are up.
    "portal/stack/broker.py": {"redis"},
    "portal/stack/up.py": {"http.client"},
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for app in ("portal", "audit", "incidents", "forensics"):
        for path in sorted((ROOT / app).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_client(name: str) -> str | None:
    return next((c for c in CLIENTS if name == c or name.startswith(f"{c}.")), None)


def test_the_table_of_outbound_calls_is_complete() -> None:
    found: dict[str, set[str]] = {}
    for path, tree in modules():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "call"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.setdefault(path, set()).add(node.args[0].value)
    assert found == OUTBOUND
    used = set().union(*OUTBOUND.values()) | GUARDED.keys() | UNUSED
    assert used == POLICIES.keys()
    assert all((ROOT / path).exists() for path in GUARDED.values())


def test_nobody_has_a_client_of_their_own() -> None:
    found: dict[str, set[str]] = {}
    for path, tree in modules():
        if clients := {c for name in imported(tree) if (c := is_client(name))}:
            found[path] = clients
    assert found == ALLOWED


def test_every_row_has_its_own_places() -> None:
    """A dependency is isolated by a bulkhead, or by what isolates it already."""
    unlimited = {name for name, row in POLICIES.items() if row.bulkhead == 0}
    # Connections are limited by the pool, cache and probes by waiting half a second and three.
    assert unlimited == {"database", "replica", "cache", "probe"}


def test_with_sockets_off_everything_else_works(
    committed_cast: Cast, client: Client, socket_disabled: None
) -> None:
    caller = with_secret(issued("alerts:write"))
    assert caller.post("alerts/", {"summary": "Disk full", "severity": "P0"}).status == 202
    drain_receipts()
    assert Incident.objects.get().severity == "P0"
    client.force_login(committed_cast.auditor)
    for path in ("/", "/incidents/incident/", "/governance/", "/audit/", "/health/live"):
        assert client.get(path).status_code == 200, path
    assert "vigil_incidents_open" in client.get("/metrics").content.decode()


@pytest.fixture
def pagerduty() -> Iterator[Server]:
    with serving(status("202 Accepted", body="{}")) as server:
        yield server


def test_an_emergency_needs_neither_database_nor_cache(
    pagerduty: Server, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pytest keeps the database shut for this test; the cache says whether anybody asked."""

    def asked(*_args: object) -> None:
        raise AssertionError("the cache was asked")

    monkeypatch.setattr(sharing.Shared, "_ask", asked)
    settings.VAR = Layout(tmp_path)
    settings.EMERGENCY_PAGERDUTY_KEY = "k" * 32
    settings.EMERGENCY_PAGERDUTY_URL = pagerduty.url
    assert emergency.page("one", "The gate is latched", is_here=True) is True
    assert pagerduty.asked == 1


def test_an_emergency_is_tried_at_each_beat_however_often_it_failed(
    settings: Any, tmp_path: Path
) -> None:
    settings.VAR = Layout(tmp_path)
    settings.EMERGENCY_PAGERDUTY_KEY = "k" * 32
    script = [status("500 No")] * 9 + [status("202 Accepted")]
    with serving(*script) as server:
        settings.EMERGENCY_PAGERDUTY_URL = server.url
        for _ in range(9):
            with pytest.raises(OSError, match="HTTP 500"):
                emergency.page("one", "The gate is latched", is_here=True)
        assert emergency.page("one", "The gate is latched", is_here=True) is True
        assert server.asked == 10
