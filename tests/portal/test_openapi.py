"""How the API describes itself."""

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from incidents.procedure import NAMES


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    generated: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return generated


def test_it_is_made_without_a_warning(schema: dict[str, Any]) -> None:
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache


def test_it_is_valid_openapi_3_1(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)


def test_every_step_of_the_procedure_has_its_path(schema: dict[str, Any]) -> None:
    for name in NAMES:
        assert "post" in schema["paths"][f"/api/v1/incidents/{{number}}/{name}/"]


def test_paths_that_only_forgive_a_missing_slash_are_left_out(schema: dict[str, Any]) -> None:
    assert "/api/v1/alerts/" in schema["paths"]
    assert "/api/v1/alerts" not in schema["paths"]


def test_operations_are_grouped_by_what_they_are_about(schema: dict[str, Any]) -> None:
    tags = {tag for _path, _method, operation in operations(schema) for tag in operation["tags"]}
    assert {"alerts", "incidents", "ingest", "receipts", "audit"} <= tags
    assert "api" not in tags


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_tells_how_failures_look(schema: dict[str, Any]) -> None:
    for _path, _method, operation in operations(schema):
        content = operation["responses"]["default"]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Error"}


# Of several incidents, each for itself: what was done before is found done.
WITHOUT_KEY = {"/api/v1/incidents/acknowledge/", "/api/v1/incidents/hand-over/"}


def test_every_write_of_an_incident_takes_a_key(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        is_of_one = path.startswith("/api/v1/incidents/") and path not in WITHOUT_KEY
        if is_of_one and method in {"post", "put"}:
            headers = {p["name"] for p in operation["parameters"] if p["in"] == "header"}
            assert "Idempotency-Key" in headers, path


def test_every_operation_says_what_it_does(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        if path.startswith("/api/v1/") and "ledger" not in path and "proof" not in path:
            assert operation.get("description"), (method, path)


def test_the_list_tells_its_filters(schema: dict[str, Any]) -> None:
    parameters = {p["name"]: p for p in schema["paths"]["/api/v1/incidents/"]["get"]["parameters"]}
    assert {"state", "severity", "service", "text", "from", "to", "cursor", "limit"} <= set(
        parameters
    )
    assert parameters["from"]["schema"]["format"] == "date-time"


def test_anybody_may_read_it(db: None) -> None:
    response = Client().get("/api/schema/")
    assert response.status_code == 200
    assert b"openapi: 3.1" in response.content


def test_the_page_to_try_it_out_has_no_script_within(db: None) -> None:
    """The Content-Security-Policy forbids it."""
    response = Client().get("/api/docs/")
    page = response.content.decode()
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert scripts
    for attributes, content in scripts:
        assert re.search(r'src="/[^/]', attributes)
        assert not content.strip()
    [own] = [a for a, _ in scripts if "/api/docs/" in a]
    script = Client().get(re.search(r'src="([^"]+)"', own)[1])  # type: ignore[index] # is there
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert b"/api/schema/" in script.content
