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
CALL, HTTP_MODULE = "portal.lib.resilience.call", "portal.lib.resilience.http"

# Who calls out, and by which policy. What is not here does not.
OUTBOUND: dict[str, set[str]] = {
    "audit/journal/ship/delivery.py": {"journal-central"},
    "audit/witness/exchange.py": {"witnesses"},
    "incidents/notify/email.py": {"smtp"},
    "incidents/notify/jira.py": {"jira"},
    "incidents/notify/pagerduty.py": {"pagerduty"},
    "incidents/notify/slack.py": {"slack"},
    "incidents/notify/webhook.py": {"webhook"},
    "incidents/services/waking.py": {"broker"},
    "portal/emergency.py": {"emergency-pagerduty"},
    "portal/probes.py": {"probe"},
    "portal/queues.py": {"broker"},
    "portal/tracing/collector.py": {"trace-collector"},
}
# How many calls of each may be under way in a process; 0 is as many as there are.
PLACES = {
    "broker": 8,
    "pagerduty": 4,
    "slack": 4,
    "jira": 4,
    "smtp": 4,
    "webhook": 4,
    "emergency-pagerduty": 2,
    "witnesses": 16,
    "journal-central": 1,
    "trace-collector": 1,
    # Connections are limited by the pool, cache and probes by waiting half a second and three.
    "database": 0,
    "replica": 0,
    "cache": 0,
    "probe": 0,
}
# Who sends HTTP, and by which policy; the attempt may be handed to one that makes the call.
HTTP: dict[str, str] = {
    "audit/journal/ship/otlp.py": "journal-central",
    "audit/witness/exchange.py": "witnesses",
    "incidents/notify/jira.py": "jira",
    "incidents/notify/slack.py": "slack",
    "incidents/notify/webhook.py": "webhook",
    # Within the calls of `portal/emergency.py` and `incidents/notify/pagerduty.py`.
    "portal/lib/pagerduty.py": "pagerduty",
    "portal/probes.py": "probe",
    "portal/tracing/collector.py": "trace-collector",
}
# Who opens connections of another kind, and what bounds them.
CONNECTIONS = {
    "audit/ledger/crew.py": "the sequencer's and the signer's own loop, which is nothing without it",
    "incidents/services/waking.py": "broker",
    "portal/backup/restore.py": "a person waits for it",
    "portal/database/base.py": "database, replica",
    "portal/heart.py": "the next beat, a few seconds later",
    "portal/failover/promote.py": "a person waits for it",
    "portal/probes.py": "probe",
    "portal/queues.py": "broker",
    "portal/stack/postgres.py": "the supervisor of `make run`",
    "portal/stack/roles.py": "the supervisor of `make run`, and a person",
}
CONNECTS = {
    ("psycopg", "connect"),
    ("Connection", "connect"),
    ("app", "connection"),
    ("app", "connection_for_read"),
    ("app", "connection_for_write"),
}
# Celery's own ways to reach the broker.
SENDS = {"delay", "apply_async", "send_task"}
SENDERS = {
    "incidents/services/waking.py": "broker",
    "incidents/tasks.py": "a task that came from the broker goes on with its work",
}
# Django's own client of SMTP, and what bounds it.
MAIL = {"incidents/notify/email.py": "smtp"}
# Guarded in another way than by `call`, with the same table.
GUARDED = {
    "database": "portal/database/base.py",
    "replica": "portal/database/base.py",
    "cache": "portal/lib/resilience/shared.py",
}

CLIENTS = {
    *("http.client", "urllib.request", "smtplib", "requests", "httpx", "redis", "lightkube"),
    *("grpc", "opentelemetry.exporter.otlp.proto.http", "opentelemetry.exporter.otlp.proto.grpc"),
    *("opentelemetry.instrumentation", "pagerduty"),
}
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
        if CALL in imported(tree) and not path.startswith("portal/lib/resilience/"):
            found[path] = set(called(tree))
    assert found == OUTBOUND
    used = set().union(*OUTBOUND.values()) | GUARDED.keys()
    assert used == POLICIES.keys()
    assert all((ROOT / path).exists() for path in GUARDED.values())


def called(tree: ast.Module) -> Iterator[str]:
    """The dependencies, which stand there as they are called in the table."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "call"
        ):
            named = node.args[0]
            assert isinstance(named, ast.Constant), ast.unparse(node)
            yield str(named.value)


def test_call_goes_by_no_other_name() -> None:
    """So that reading the code for it finds all."""
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                renamed = {alias.name for alias in node.names if alias.asname}
                assert not (node.module or "").startswith("portal.lib.resilience") or not renamed
            elif isinstance(node, ast.Attribute) and node.attr == "call":
                is_breakers_own = path == "portal/lib/resilience/breaker.py"
                assert is_breakers_own, f"{path}:{node.lineno}"
            elif isinstance(node, ast.Import):
                assert not any(a.name.startswith("portal.lib.resilience") for a in node.names), path


def chains(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """`owner.method(…)`, by its last two names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield ast.unparse(node.func.value).rpartition(".")[2], node.func.attr


def test_who_sends_http_does_so_within_a_call() -> None:
    found = {
        path
        for path, tree in modules()
        if ("http", "request") in set(chains(tree)) or f"{HTTP_MODULE}.request" in imported(tree)
    }
    assert found == HTTP.keys()
    assert set(HTTP.values()) <= POLICIES.keys()
    # Through `deliver`, which is beside it, and by either of two policies.
    assert {path for path in HTTP if path not in OUTBOUND} == {
        "audit/journal/ship/otlp.py",
        "portal/lib/pagerduty.py",
    }


def test_who_opens_a_connection_is_known() -> None:
    found = {
        path
        for path, tree in modules()
        if CONNECTS & set(chains(tree)) or "kombu.Connection" in set(imported(tree))
    }
    assert found == CONNECTIONS.keys()
    for path, why in CONNECTIONS.items():
        if why in POLICIES and why not in GUARDED:
            assert why in OUTBOUND[path], path


def test_who_sends_mail_does_so_within_a_call() -> None:
    found = {
        path
        for path, tree in modules()
        if any(name.startswith("django.core.mail") for name in imported(tree))
    }
    assert found == MAIL.keys()
    assert all(policy in OUTBOUND[path] for path, policy in MAIL.items())


def test_who_sends_tasks_is_known() -> None:
    found = {path for path, tree in modules() if SENDS & {method for _, method in chains(tree)}}
    assert found == SENDERS.keys()


def test_nobody_has_a_client_of_their_own() -> None:
    found: dict[str, set[str]] = {}
    for path, tree in modules():
        if clients := {c for name in imported(tree) if (c := is_client(name))}:
            found[path] = clients
    assert found == ALLOWED


def test_every_row_has_its_own_places() -> None:
    """A dependency is isolated by a bulkhead, or by what isolates it already."""
    assert {name: row.bulkhead for name, row in POLICIES.items()} == PLACES


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

    monkeypatch.setattr(sharing.Shared, "ask", asked)
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
