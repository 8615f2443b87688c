"""Without a collector nothing is installed, and nothing is imported for it.

(The client of Redis imports OpenTelemetry's metrics by itself, wherever they are installed.)
"""

import os
import subprocess
import sys

import pytest
from django.core.signals import request_started
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import Client

from portal.database.statements import within_deadline
from portal.lib import spans
from portal.stack.processes import ROOT

LOOK = """
import sys, threading
import django
django.setup()
from django.test import Client
from portal.wsgi import application
from portal.lib import spans
assert Client().get("/health/live", headers={"host": "localhost"}).status_code == 200
OURS = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.instrumentation",
        "opentelemetry.proto", "google.protobuf", "portal.tracing.")
print(spans.is_on(), [n for n in sys.modules if n.startswith(OURS)],
      [t.name for t in threading.enumerate() if t.name == "traces"])
"""


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_SAMPLER": "always_on"},
    ],
)
def test_a_process_that_exports_nothing_imports_nothing(env: dict[str, str]) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "portal.settings", "SECRET_KEY": "x"}
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={**os.environ, "VIGIL_VAR": os.environ["VIGIL_TEST_VAR"], **settings, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False ['portal.tracing.configuration', 'portal.tracing.counters'] []\n"


def test_nothing_listens_and_no_statement_is_wrapped(db: None, client: Client) -> None:
    client.get("/login/")
    assert not spans.is_on()
    assert spans.traceparent() == spans.span_id() == ""
    assert connection.execute_wrappers.count(within_deadline) == 1
    modules = {each.__module__ for each in connection.execute_wrappers}
    assert not any(name.startswith(("portal.tracing", "opentelemetry")) for name in modules)
    for signal in (connection_created, request_started):
        assert not any("traces" in str(each[0]) for each in signal.receivers)


def test_a_span_that_nobody_makes_is_one_and_the_same_object() -> None:
    assert spans.span(spans.Kind.CLIENT, "a") is spans.span(spans.Kind.SERVER, "b")
    with spans.outbound("journal-central", is_sent_on=True):
        assert spans.headers() == {}
