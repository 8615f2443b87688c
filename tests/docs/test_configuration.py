"""The documents say what the code does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from portal.env import SECRETS

ROOT = Path(__file__).parents[2]
READS = re.compile(
    r"(?:env\.(?:text|integer|boolean|items|path|url)\(|values\.get\(|environ(?:\.get\(|\[)|getenv\()"
    r"\s*[\"']([A-Z][A-Z_]+)[\"']"
)
# The interpreter's, the server's, the terminal's and the metrics library's own.
FOREIGN = {
    "DJANGO_SETTINGS_MODULE",
    "PATH",
    "PATH_INFO",
    "PROMETHEUS_MULTIPROC_DIR",
    "REQUEST_METHOD",
    "TMPDIR",
}
# What manifests set for other images, or for themselves to make a variable of ours from.
OTHERS = re.compile(r"POSTGRES_|GF_|PG|PRIMARY_|(?:PUBLIC_HOSTS|POD_IP)$")


def documented() -> set[str]:
    document = (ROOT / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", document, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"[A-Z_]+", row)}


def read() -> set[str]:
    """Also what is asked for by a name that stands elsewhere."""
    found = set(SECRETS)
    for app in ("portal", "audit", "incidents", "forensics"):
        for path in (ROOT / app).rglob("*.py"):
            text = path.read_text()
            found |= set(READS.findall(text)) | set(
                re.findall(r"\"((?:VIGIL|OTEL)_[A-Z_]+)\"", text)
            )
    return found


def test_every_variable_that_is_read_is_documented() -> None:
    assert {"DATABASE_URL", "VIGIL_SIGNER_KEY", "VIGIL_LEDGER_DATABASE_URL"} <= read()
    assert read() - documented() - FOREIGN == set()


def test_every_variable_that_is_documented_is_read() -> None:
    # By OpenTelemetry's own resource.
    telemetry = {"OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"}
    assert documented() - read() - FOREIGN - telemetry - {"NO_COLOR"} == set()


def environments(node: Any) -> Iterator[str]:
    """The names that a Compose file or a manifest sets."""
    if isinstance(node, dict):
        yield from node.get("environment") or ()
        yield from (each["name"] for each in node.get("env") or ())
        if node.get("kind") == "ConfigMap":
            yield from (name for name in node.get("data", ()) if name.isupper())
        for each in node.values():
            yield from environments(each)
    elif isinstance(node, list):
        for each in node:
            yield from environments(each)


def test_what_is_deployed_sets_what_there_is() -> None:
    known = documented() | {f"{name}_FILE" for name in SECRETS}
    files = sorted((ROOT / "deploy").rglob("*.yaml"))
    found = {
        name
        for path in files
        for document in yaml.safe_load_all(path.read_text())
        for name in environments(document)
    }
    image = (ROOT / "deploy" / "Containerfile").read_text()
    found |= set(re.findall(r"\b(VIGIL_[A-Z_]+)=", image))
    assert {"VIGIL_JOURNAL_SHIP", "VIGIL_SUBJECT_KEY", "DATABASE_URL_FILE"} <= found
    assert {name for name in found - known if not OTHERS.match(name)} == set()


def test_secrets_that_may_come_from_files_are_listed() -> None:
    document = (ROOT / "docs" / "configuration.md").read_text()
    introduction = document[: document.index("| variable |")]
    assert set(re.findall(r"`([A-Z_]+?)(?:_FILE=[^`]*)?`", introduction)) == set(SECRETS)


def test_links_between_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_no_module_has_over_400_lines() -> None:
    modules = [
        path
        for app in ("portal", "audit", "incidents", "forensics", "tests", "benchmarks")
        for path in (ROOT / app).rglob("*.py")
        if "migrations" not in path.parts
    ]
    long = {path.name: n for path in modules if (n := path.read_text().count("\n")) > 400}
    assert long == {}
