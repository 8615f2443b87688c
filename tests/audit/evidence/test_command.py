import json
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.ledger.signer import LedgerSigner
from audit.models import Event
from tests.audit.evidence.conftest import Verify
from tests.audit.test_ledger import add_services, publish
from tests.entries import actor_of
from tests.people import Cast


@pytest.fixture
def ledger(cast: Cast, signer: LedgerSigner, tmp_path: Path) -> Cast:
    """Grown since a checkpoint that somebody kept."""
    kept = publish(signer)
    assert kept is not None
    (tmp_path / "kept").write_text(kept.note)
    add_services(4)
    publish(signer)
    return cast


def export(*options: str, out: Path, **more: Any) -> str:
    said = StringIO()
    arguments = ["--reason", "audit", "--out", str(out), "--wait", "0", *options]
    call_command("export_evidence", *arguments, stdout=said, **more)
    return said.getvalue()


def test_it_writes_a_pack_that_checks_out(ledger: Cast, tmp_path: Path, verify: Verify) -> None:
    out = tmp_path / "pack.zip"
    kept = str(tmp_path / "kept")
    said = export("--event", "service_added", "--from-checkpoint", kept, out=out)
    code, checked = verify(out, "--checkpoint", kept)
    assert code == 0
    assert "4 entries are in the log" in checked
    assert f"{out}: 4 events\n" in said
    released = json.loads(bytes(Event.objects.latest("pk").entry))
    assert f"SHA-256 {released['data']['sha256']}" in said
    assert out.stat().st_mode & 0o777 == 0o600


def test_without_a_person_it_is_on_record_as_the_command_of_an_account(
    ledger: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "operator")
    export("--event", "service_added", out=tmp_path / "pack.zip")
    assert actor_of(Event.objects.latest("pk")) == "system:export_evidence/operator"


def test_a_person_exports_as_far_as_they_may(
    ledger: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export("--target", "incidents.service:*", "--user", "auditor", out=tmp_path / "pack.zip")
    assert actor_of(Event.objects.latest("pk")) == "user:auditor"
    with pytest.raises(SystemExit) as ended:
        export("--event", "service_added", "--user", "responder", out=tmp_path / "other.zip")
    assert (ended.value.code, (tmp_path / "other.zip").exists()) == (1, False)
    assert "view event" in capsys.readouterr().err


def test_events_are_named_by_their_numbers(ledger: Cast, tmp_path: Path) -> None:
    first, *_, last = (
        Event.objects.filter(event="service_added").order_by("pk").values_list("pk", flat=True)
    )
    export("--events", f"{first}-{last}", out=tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        assert len(json.loads(archive.read("manifest.json"))["events"]) == 4


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--events", "x"],
        ["--from", "yesterday"],
        ["--target", "nothing"],
        ["--event", "service_added", "--user", "nobody"],
        ["--event", "service_added", "--from-checkpoint", "/nowhere"],
    ],
)
def test_what_it_cannot_do_is_a_usage_error(
    ledger: Cast, tmp_path: Path, options: list[str]
) -> None:
    with pytest.raises(CommandError) as failed:
        export(*options, out=tmp_path / "pack.zip")
    assert (failed.value.returncode, (tmp_path / "pack.zip").exists()) == (2, False)


def test_it_overwrites_nothing(ledger: Cast, tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_text("mine")
    with pytest.raises(CommandError, match="is there already"):
        export("--event", "service_added", out=tmp_path / "pack.zip")
    assert (tmp_path / "pack.zip").read_text() == "mine"


def test_where_it_cannot_write_it_leaves_nothing(ledger: Cast, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        export("--event", "service_added", out=tmp_path / "nowhere" / "pack.zip")


def test_it_says_what_is_not_under_a_checkpoint_yet(ledger: Cast, tmp_path: Path) -> None:
    add_services(1, start=4)
    said = export("--event", "service_added", out=tmp_path / "pack.zip")
    assert "5 events, 1 of them not under a checkpoint yet" in said
