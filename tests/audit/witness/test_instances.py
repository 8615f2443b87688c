"""Two installations that witness each other over HTTP: this process, with a real ledger, and another
process with files and a key of its own."""

import http.client
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from audit.ledger import keys
from audit.ledger.signer import LedgerSigner
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.cosignature import CosignatureVerifier, cosignatures
from audit.proofs.merkle import leaf_hash
from audit.witness.client import Witnesses
from audit.witness.config import Peer
from audit.witness.exchange import Exchange
from audit.witness.ledger import consistency_to
from audit.witness.message import add_checkpoint
from tests.audit.test_ledger import add_services, publish
from tests.audit.witness.instance import server
from tests.audit.witness.logs import Log
from tests.people import Cast

ROOT = Path(__file__).parents[3]


@contextmanager
def other_process(directory: Path, *logs: str) -> Iterator[Peer]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.audit.witness.instance", str(directory), *logs],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield peer_at(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def this_process(settings: Any, tmp_path: Path) -> Iterator[Callable[..., Peer]]:
    settings.ROOT_URLCONF = "tests.audit.witness.instance"
    settings.WITNESS_KEY = tmp_path / "witness"
    settings.WITNESS_DIR = tmp_path / "seen"
    with ExitStack() as ended:
        serving = server()
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        ended.callback(serving.server_close)
        ended.callback(thread.join)
        ended.callback(serving.shutdown)

        def start(*logs: str) -> Peer:
            settings.WITNESS_LOGS = list(logs)
            return peer_at(serving.server_address[1])

        yield start


def peer_at(port: int) -> Peer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/witness/")
    line = connection.getresponse().read().decode().splitlines()[0]
    connection.close()
    verifier = CosignatureVerifier.parse(line.removeprefix("witness "))
    return Peer(f"http://127.0.0.1:{port}/witness", verifier)


@pytest.fixture
def signer(tmp_path: Path, settings: Any) -> LedgerSigner:
    settings.SIGNER_KEY = tmp_path / "signer"
    return LedgerSigner(keys.ensure_signer_key(settings.SIGNER_KEY), tmp_path / "signer.state")


def known(signer: Any) -> str:
    return f"{signer.name} {signer.verifier.vkey}"


def submitted(peer: Peer, body: bytes) -> int:
    exchange = Exchange(peer.url, body, timeout=10)
    exchange.run()
    assert exchange.reply is not None
    return exchange.reply.status


def test_they_cosign_each_other(
    cast: Cast, signer: LedgerSigner, this_process: Any, tmp_path: Path
) -> None:
    their_log = Log("other.example/ledger")
    with other_process(tmp_path / "other", known(signer.signer)) as them:
        us = this_process(known(their_log.signer))
        assert us.verifier != them.verifier
        # Ours by them, as the ledger grows.
        asking, old = Witnesses([them]), 0
        for round_ in range(3):
            add_services(3, start=round_ * 3)
            signed = publish(signer)
            assert signed is not None
            note = asking.cosign(signed.note, old_size=old, proof=consistency_to(signed.size))
            assert cosignatures(note, [them.verifier])
            assert Checkpoint.open(note, keys.verifiers(), origin=signer.signer.name)
            old = signed.size

        # Theirs by us.
        asking = Witnesses([us])
        for size in (4, 17):
            note = asking.cosign(
                their_log.note(size),
                old_size=0,
                proof=lambda old, to=size: their_log.proof(old, to),
            )
            assert cosignatures(note, [us.verifier])
        assert submitted(us, their_log.fork(kept=9).request(17, 30)) == 422


def test_a_ledger_rewritten_over_a_restart_is_refused(
    cast: Cast, signer: LedgerSigner, tmp_path: Path
) -> None:
    """The other process is killed and started again in between; what it saw, it saw."""
    signed = publish(signer)
    assert signed is not None
    first = signed.note
    with other_process(tmp_path / "other", known(signer.signer)) as them:
        assert submitted(them, add_checkpoint(0, (), first)) == 200
    rewritten = Checkpoint(signer.signer.name, signed.size, leaf_hash(b"another past"))
    with other_process(tmp_path / "other", known(signer.signer)) as again:
        assert again.verifier == them.verifier
        assert submitted(again, add_checkpoint(0, (), first)) == 409
        forged = rewritten.sign([signer.signer])
        assert submitted(again, add_checkpoint(signed.size, (), forged)) == 409
        add_services(1)
        grown = publish(signer)
        assert grown is not None
        proof = consistency_to(grown.size)(signed.size)
        assert submitted(again, add_checkpoint(signed.size, proof, grown.note)) == 200
