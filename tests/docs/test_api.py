"""`docs/api.md` speaks of paths, parameters and metrics that there are."""

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import resolve
from prometheus_client.parser import text_string_to_metric_families

from audit.witness.metrics import ANSWERS
from incidents.api.filters import IncidentFilters
from portal.lib.resilience.shared import FAILED

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
PATHS = sorted(set(re.findall(r"(?<=[`\w])/(?:api|health|metrics)[\w/{}-]*", DOCUMENT)))
EXAMPLES = {"{id}": "00000000-0000-0000-0000-000000000001"}


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/api/v1/"])
def test_a_path_of_the_document_leads_somewhere(path: str) -> None:
    for name, example in EXAMPLES.items():
        path = path.replace(name, example)
    assert resolve(path).func.__name__ != "nothing_here"


def test_the_document_names_every_filter() -> None:
    assert all(f"`{name}`" in DOCUMENT for name in IncidentFilters.base_filters)


def test_the_document_names_every_metric(committed_db: None) -> None:
    Client().get("/health/live")
    ANSWERS.labels("w1", "cosigned").inc()
    FAILED.labels("failed").inc()
    text = Client().get("/metrics").content.decode()
    told = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(text)
    }
    assert told == set(re.findall(r"`(vigil_\w+)`(?=.*\|)", DOCUMENT.partition("| metric |")[2]))
