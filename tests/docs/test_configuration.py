"""The documents say what the code does."""

import re
from pathlib import Path

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


def test_every_variable_that_is_read_is_documented() -> None:
    document = (ROOT / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)`", document, re.MULTILINE))
    read = {
        name
        for app in ("portal", "audit", "incidents", "forensics")
        for path in (ROOT / app).rglob("*.py")
        for name in READS.findall(path.read_text())
    }
    assert read - documented - FOREIGN == set()
    assert {"DATABASE_URL", "VIGIL_SIGNER_KEY"} <= read


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
