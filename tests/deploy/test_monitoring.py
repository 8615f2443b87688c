"""Rules, alerting and dashboards: what they ask for is what `/metrics` tells."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from django.conf import settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from incidents.severity import Severity
from portal.limits import reports
from portal.stack.processes import ROOT
from portal.watchdog import Finding, Probe, State, Watchdog

DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yaml"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
METRIC = re.compile(r"\bvigil[_:][a-z0-9_:]+")
MATCHER = re.compile(r"\b(vigil_[a-z0-9_]+)\{([^}]*)\}")


def needs(tool: str, package: str) -> pytest.MarkDecorator:
    reason = f"{tool} is not installed (Debian: apt install {package})"
    return pytest.mark.skipif(shutil.which(tool) is None, reason=reason)


def check(*command: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def queries() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"]


@needs("promtool", "prometheus")
def test_the_rules_are_well_formed_and_fire_when_they_should() -> None:
    check("promtool", "check", "rules", str(RULES))
    check("promtool", "test", "rules", "rules.test.yaml", cwd=RULES.parent)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    told: dict[bool, set[str]] = {True: set(), False: set()}
    for case in yaml.safe_load(RULES.with_name("rules.test.yaml").read_text())["tests"]:
        for each in case.get("alert_rule_test", []):
            told[bool(each.get("exp_alerts"))].add(each["alertname"])
    assert told[True] == told[False] == {alert["alert"] for alert in alerts()}


@needs("promtool", "prometheus")
def test_the_example_for_prometheus_is_well_formed() -> None:
    check("promtool", "check", "config", "--syntax-only", str(RULES.with_name("prometheus.yml")))


@needs("amtool", "prometheus-alertmanager")
def test_the_example_for_alertmanager_is_well_formed() -> None:
    check("amtool", "check-config", str(DEPLOY / "alertmanager" / "alertmanager.yml"))


def test_what_vigil_cannot_say_itself_goes_past_it() -> None:
    config = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    [direct] = [each for each in config["route"]["routes"] if each["receiver"] == "pagerduty"]
    pattern = re.search(r'"(.*)"', direct["matchers"][0])
    assert pattern is not None
    assert set(pattern[1].split("|")) <= {alert["alert"] for alert in alerts()}
    assert "VigilDown" in pattern[1]
    assert direct["continue"] is True


@pytest.fixture
def told(committed_db: None) -> dict[str, set[str]]:
    """Every metric that a running process tells, with its labels."""
    state = settings.VAR.watchdog
    me = psutil.Process()
    reports.write(reports.Report("web", me.pid, me.create_time(), 1.0, 0.0, is_leak=False))
    Watchdog(probes=[Probe("web", lambda: Finding(State.OK))], state_file=state).beat()
    Client().get("/api/v1/incidents/")
    text = Client().get("/metrics").content.decode()
    state.unlink()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    # Told only where there is a replica, see `tests/portal/database/test_read_only.py`.
    replica = {"vigil_replica_up": set(), "vigil_replica_lag_seconds": set()}
    # Told of processes that report theirs, see `tests/portal/limits`.
    return found | replica | {"vigil_memory_growth_bytes_per_hour": {"process", "pid"}}


def test_every_query_asks_for_what_is_told(told: dict[str, set[str]]) -> None:
    known = set(told) | {rule["record"] for rule in rules() if "record" in rule}
    missing = {(where, name) for where, query in queries() for name in METRIC.findall(query)} - {
        (where, name) for where, _ in queries() for name in known
    }
    assert missing == set()


def test_every_query_names_labels_that_there_are(told: dict[str, set[str]]) -> None:
    for where, query in queries():
        for name, matchers in MATCHER.findall(query):
            labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers))
            assert labels - {"job", "instance"} <= told[name], f"{where}: {name}"


def test_every_alert_has_a_severity_of_the_standard_and_a_runbook() -> None:
    document = (ROOT / "docs" / "runbooks.md").read_text()
    sections = re.findall(r"^## (\w+)\n\n\*\*(P\d)\.", document, re.MULTILINE)
    assert sections == [(alert["alert"], alert["labels"]["severity"]) for alert in alerts()]
    for alert in alerts():
        assert alert["labels"]["severity"] in Severity.values
        assert alert["annotations"]["summary"]
        assert alert["annotations"]["runbook"] == f"docs/runbooks.md#{alert['alert'].lower()}"


def test_dashboards_can_be_loaded() -> None:
    assert len(DASHBOARDS) == 2
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        assert board["uid"] == path.stem
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        for panel in board["panels"]:
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
            assert all(target["expr"].strip() for target in panel["targets"])
