"""No page of the viewer reads or sorts the whole record: held on one long enough that it would show."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.viewer import fill, pages
from tests.database import as_superuser
from tests.people import Cast

EVENTS = 20_000
NOTHING = {"text: in none", "actor who was never denied"}
# Of the rarest of two filters, all that fit it are read; a word may fill a partition, not the record.
MOST_READ = EVENTS // 10
OF_WORDS = ("text", "rare text", "about")
# Has an index for each half. On a record as short as this, the planner reads both.
OF_TWO = {"actor until the middle"}


@pytest.fixture
def long_record(committed_cast: Cast) -> None:
    with as_superuser() as superuser:
        fill(superuser, EVENTS)


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", ()) for node in nodes(part))]


def explained(query: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}")
        (answer,) = cursor.fetchone()
    [plan] = json.loads(answer) if isinstance(answer, str) else answer
    return nodes(plan["Plan"])


def test_every_page_goes_by_an_index(long_record: None) -> None:
    wrong = []
    for name, ask in pages(EVENTS).items():
        with CaptureQueriesContext(connection) as captured:
            page = ask()
        assert name in NOTHING or page.events, name
        for query in (q["sql"] for q in captured if q["sql"].startswith("SELECT")):
            for node in explained(query):
                read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                is_scan = node["Node Type"] == "Seq Scan"
                if read > MOST_READ and (
                    is_scan or not (name.startswith(OF_WORDS) or name in OF_TWO)
                ):
                    wrong.append(f"{name}: {node['Node Type']} reads {read:.0f}")
    assert wrong == []
