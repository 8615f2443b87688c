"""`docs/api.md` speaks of paths, parameters and metrics that there are."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve
from prometheus_client.parser import text_string_to_metric_families

from audit.api.approvals import ApprovalDetailSchema, ApprovalListSchema
from audit.event_filters import MAX_TEXT, NAMES
from audit.evidence.contents import MAX_BYTES
from audit.evidence.selection import MAX_EVENTS
from audit.models import ApprovalRequest
from audit.search.about import MAX_TERMS
from audit.witness.metrics import ANSWERS
from incidents.api.filters import IncidentFilters
from portal.lib.resilience.shared import FAILED
from portal.watchdog import Finding, Probe, State, Watchdog

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
PATHS = sorted(set(re.findall(r"(?<=[`\w])/(?:api|health|metrics)[\w/{}-]*", DOCUMENT)))
RECEIPT, EVENT = "00000000-0000-0000-0000-000000000001", "1"


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/api/v1/"])
def test_a_path_of_the_document_leads_somewhere(path: str) -> None:
    path = path.replace("{id}", EVENT if "/events/" in path else RECEIPT)
    path = path.replace("{number}", "INC-1")
    assert resolve(path).func.__name__ != "nothing_here"


def test_the_document_names_every_filter() -> None:
    assert all(f"`{name}`" in DOCUMENT for name in IncidentFilters.base_filters)


def test_the_document_names_every_field_and_state_of_an_approval() -> None:
    part = DOCUMENT.partition("## Approvals")[2].partition("\n## ")[0]
    names = {*ApprovalDetailSchema().fields, *ApprovalListSchema().fields, "before"}
    assert [
        name for name in [*names, *ApprovalRequest.State.values] if f"`{name}`" not in part
    ] == []


def test_the_document_names_every_filter_of_the_record() -> None:
    assert all(f"`{name}`" in DOCUMENT for name in (*NAMES, "limit", "before", "after"))
    assert f"{MAX_EVENTS:,} events or {MAX_BYTES >> 20} MiB" in DOCUMENT
    assert f"at most {MAX_TEXT} characters" in DOCUMENT
    assert f"more than {MAX_TERMS:,} parts" in DOCUMENT


def test_the_document_names_every_metric(committed_db: None) -> None:
    for path in ("/health/live", "/api/v1/incidents/"):  # one well, one refused
        Client().get(path)
    probe = Probe("web", lambda: Finding(State.OK))
    Watchdog(probes=[probe], state_file=settings.VAR.watchdog).beat()
    ANSWERS.labels("w1", "cosigned").inc()
    FAILED.labels("failed").inc()
    text = Client().get("/metrics").content.decode()
    settings.VAR.watchdog.unlink()
    told = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(text)
    }
    told |= {"vigil_replica_up", "vigil_replica_lag_seconds"}  # only where there is one
    assert told == set(re.findall(r"`(vigil_\w+)`(?=.*\|)", DOCUMENT.partition("| metric |")[2]))
