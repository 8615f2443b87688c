import threading
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.proofs.cosignature import CosignatureVerifier, cosignatures
from audit.proofs.keys import Signer
from audit.witness import config
from audit.witness.message import MAX_BODY
from tests.audit.witness.logs import Log

URL = "/witness/add-checkpoint"


@pytest.fixture
def here(settings: Any, tmp_path: Path, the_log: Log) -> Client:
    """This installation, which knows the log."""
    settings.ROOT_URLCONF = "tests.audit.witness.instance"
    settings.WITNESS_LOGS = [f"{the_log.origin} {the_log.signer.verifier.vkey}"]
    settings.WITNESS_KEY = tmp_path / "keys" / "witness"
    settings.WITNESS_DIR = tmp_path / "witness"
    return Client(enforce_csrf_checks=True)


def post(client: Client, body: bytes, **headers: str) -> Any:
    return client.post(URL, body, content_type="text/plain", headers=headers)


def our_key(client: Client) -> CosignatureVerifier:
    line = client.get("/witness/").content.decode().splitlines()[0]
    return CosignatureVerifier.parse(line.removeprefix("witness "))


def test_a_cosignature_under_the_key_that_it_shows(here: Client, the_log: Log) -> None:
    response = post(here, the_log.request(0, 9))
    assert (response.status_code, response["Content-Type"]) == (200, "text/plain; charset=utf-8")
    note = the_log.note(9) + response.content.decode()
    assert cosignatures(note, [our_key(here)])
    assert response["Cache-Control"] == "no-store"


def test_a_conflict_has_the_type_and_body_of_the_specification(here: Client, the_log: Log) -> None:
    post(here, the_log.request(0, 9))
    response = post(here, the_log.request(3, 12))
    assert (response.status_code, response["Content-Type"]) == (409, "text/x.tlog.size")
    assert response.content == b"9\n"


def test_every_other_refusal_has_its_status(here: Client, the_log: Log) -> None:
    post(here, the_log.request(0, 9))
    fork = the_log.fork(kept=3)
    answers = [
        (b"nonsense", 400),
        (the_log.request(9, 8), 400),
        (Log(the_log.origin).request(9, 12), 403),
        (Log("other.example").request(0, 1), 404),
        (fork.request(9, 9), 409),
        (fork.request(9, 12), 422),
    ]
    for body, status in answers:
        response = post(here, body)
        assert (response.status_code, response["Content-Type"]) == (
            status,
            "text/plain; charset=utf-8",
        )
        assert b"\xe2\x80\x94" not in response.content


def test_a_body_beyond_all_need_is_refused(here: Client, the_log: Log) -> None:
    body = the_log.request(0, 9)
    assert post(here, body + b"x" * MAX_BODY).status_code == 413
    assert post(here, body, **{"Content-Encoding": "br"}).status_code == 415


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_it_takes_posts_alone(here: Client, method: str) -> None:
    assert getattr(here, method)(URL).status_code == 405


def test_where_no_log_is_known_there_is_no_witness(
    here: Client, the_log: Log, settings: Any
) -> None:
    settings.WITNESS_LOGS = []
    assert post(here, the_log.request(0, 9)).status_code == 404
    assert here.get("/witness/").status_code == 404
    assert not settings.WITNESS_KEY.exists()


def test_a_record_out_of_reach_is_said_and_nothing_is_signed(
    here: Client, the_log: Log, settings: Any
) -> None:
    settings.WITNESS_DIR.write_text("no directory")
    response = post(here, the_log.request(0, 9))
    assert (response.status_code, b"\xe2\x80\x94" in response.content) == (503, False)


def test_it_names_itself_and_the_logs_it_knows(here: Client, the_log: Log, settings: Any) -> None:
    settings.WITNESS_NAME = "witness.example/w1"
    assert our_key(here).name == "witness.example/w1"
    assert f"log {the_log.origin}\n" in here.get("/witness/").content.decode()


def test_the_key_is_made_once_whoever_comes_first(here: Client, settings: Any) -> None:
    made = []
    begin = threading.Barrier(8)

    def run() -> None:
        begin.wait(5)
        made.append(config.ensure_key().verifier.vkey)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(made) == 8
    assert len(set(made)) == 1
    assert settings.WITNESS_KEY.with_suffix(".pub").read_text() == f"{made[0]}\n"
    assert settings.WITNESS_KEY.stat().st_mode & 0o777 == 0o600
    assert Signer.parse(settings.WITNESS_KEY.read_text().strip())
    assert [path.name for path in settings.WITNESS_KEY.parent.iterdir() if "-" in path.name] == []


def test_it_is_not_the_key_of_the_log(here: Client, settings: Any, tmp_path: Path) -> None:
    del settings.WITNESS_KEY
    settings.SIGNER_KEY = tmp_path / "keys" / "signer"
    assert config.key_path() == tmp_path / "keys" / "witness"
