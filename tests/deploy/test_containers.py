"""The image and the Compose file."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured

from portal.env import SECRETS, Env
from portal.stack.one import NAMES, command_of
from portal.stack.processes import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
REPLICA: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.replica.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if "build" in each}


def instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def said(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


# --- Containerfile


def test_the_base_has_a_version_and_nothing_is_fetched_from_elsewhere() -> None:
    [base] = [rest for rest in said("ARG") if rest.startswith("BASE=")]
    assert re.search(r":\d+\.\d+\.\d+-\S+$|@sha256:", base)
    assert said("ADD") == []
    assert not re.search(r"curl|wget|https?://(?!127\.0\.0\.1)", " ".join(said("RUN")))
    assert all("${BASE}" in rest for rest in said("FROM"))


def test_whatever_is_copied_is_there_and_let_through() -> None:
    let_through = (ROOT / ".containerignore").read_text().splitlines()
    for rest in said("COPY"):
        if not rest.startswith("--from="):
            source = rest.split()[0]
            assert (ROOT / source).exists(), source
            assert f"!{source}" in let_through


def test_it_is_installed_by_hash_and_run_by_a_number_that_is_not_root() -> None:
    assert any("--require-hashes" in rest for rest in said("RUN"))
    [user] = said("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)


def test_it_holds_no_secret_and_starts_without_a_shell() -> None:
    words = " ".join([*said("ENV"), *said("ARG"), *said("LABEL")])
    assert not [name for name in SECRETS if re.search(rf"\b{name}=", words)]
    for name in ("ENTRYPOINT", "CMD"):
        assert all(rest.startswith("[") for rest in said(name))
    assert said("HEALTHCHECK")


# --- One process of it


@pytest.mark.parametrize("name", NAMES)
def test_each_process_is_the_one_of_make_run(name: str) -> None:
    command = command_of(name, ["--more"], {"DATABASE_URL": "postgresql://a@b/c"})
    assert command.argv[0] == sys.executable
    assert command.argv[-1] == "--more"
    assert command.env["DATABASE_URL"] == "postgresql://a@b/c"


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://a@b/c\n")
    given = {"DATABASE_URL_FILE": str(tmp_path / "url")}
    assert command_of("web", [], given).env["DATABASE_URL"] == "postgresql://a@b/c"
    assert "DATABASE_URL_FILE" not in command_of("web", [], given).env


def test_a_secret_that_is_given_twice_or_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY and SECRET_KEY_FILE"):
        Env({"SECRET_KEY": "x", "SECRET_KEY_FILE": "/x"})
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FILE cannot be read"):
        Env({"SECRET_KEY_FILE": str(tmp_path / "nothing")})


def test_what_is_no_process_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "portal.stack.one", "shell"],
        cwd=ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.startswith("usage:")) == (2, True)


# --- Compose


def test_the_compose_file_fits_its_schema() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_may_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert (service["cpus"], service["mem_limit"]) == (2, "2g")
    assert service["healthcheck"]
    assert "privileged" not in service
    assert name in OURS or service["user"] not in {"root", "0", "0:0"}
    assert name in OURS or re.search(r":v?\d+\.\d+", service["image"])


def mounts(name: str) -> dict[str, str]:
    return dict(each.split(":", 1) for each in SERVICES[name].get("volumes", []))


def test_the_logs_key_is_in_a_volume_that_the_signer_alone_runs_with() -> None:
    assert {name for name in SERVICES if "signer" in mounts(name)} == {"signer", "key"}
    assert OURS["key"]["networks"] == ["nowhere"]
    for name in set(OURS) - {"signer", "key"}:
        assert OURS[name]["environment"]["VIGIL_SIGNER_KEY"] == "/public/signer"


def test_each_process_logs_in_as_itself() -> None:
    used = {name: each["environment"]["DATABASE_URL_FILE"] for name, each in OURS.items()}
    assert used["sequencer"].endswith("/ledger_database_url")
    assert used["signer"].endswith("/signer_database_url")
    assert {used[name] for name in ("web", "worker", "beat", "watchdog")} == {
        "/run/secrets/app_database_url"
    }


def test_every_process_gets_the_secrets_that_it_reads_and_no_other() -> None:
    for name, service in OURS.items():
        text = f"{service['environment']} {service.get('entrypoint', '')}"
        assert set(re.findall(r"/run/secrets/(\w+)", text)) == set(service["secrets"]), name
    assert "owner_database_url" not in str([SERVICES[name] for name in ("web", "worker", "signer")])


def test_every_process_is_a_service() -> None:
    """The worker seals the one journal that there is, and `migrate` sets up."""
    commands = {each["command"][0] for each in OURS.values() if each.get("command")}
    assert commands == set(NAMES) - {"sealer"}
    assert SERVICES["shipper"]["profiles"] == ["shipping"]


def test_who_writes_a_journal_writes_it_to_one_disk() -> None:
    for name in ("web", "worker", "watchdog", "migrate", "shipper"):
        assert mounts(name)["var"] == "/var/lib/vigil"


def test_the_script_makes_every_secret_once(tmp_path: Path) -> None:
    script = tmp_path / "make.sh"
    script.write_text((DEPLOY / "secrets" / "make.sh").read_text())
    for _ in range(2):
        subprocess.run(["/bin/sh", str(script)], check=True)
        made = {path.name: path.read_text() for path in tmp_path.iterdir() if path != script}
    assert set(made) == set(COMPOSE["secrets"]) | set(REPLICA["secrets"])
    assert made["app_password"] in made["app_database_url"]
    assert len(made["secret_key"]) >= 50


def test_the_replica_adds_to_services_that_there_are_and_is_hardened_like_them() -> None:
    added = REPLICA["services"].pop("postgres-replica")
    assert REPLICA["services"].keys() <= SERVICES.keys()
    assert (added["read_only"], added["cap_drop"]) == (True, ["ALL"])
    assert added["image"] == SERVICES["postgres"]["image"]
    subprocess.run(["/bin/sh", "-n", DEPLOY / "postgres" / "replication.sh"], check=True)
