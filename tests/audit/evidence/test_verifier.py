"""What the stand-alone verifier proves, what it says it does not, and what it never lets pass."""

import base64
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.proofs.cosignature import Cosigner
from audit.proofs.keys import generate_signer
from tests.audit.evidence.conftest import Verify
from tests.audit.evidence.drafts import Draft

HASH = base64.b64encode(bytes(32))
ENTRY, PROOF = "entries/000000000004.json", "proofs/000000000004.tlog-proof"


def test_a_sound_pack_is_verified(verify: Verify) -> None:
    draft = Draft()
    code, said = verify(draft, "--vkey", draft.vkey)
    assert code == 0
    assert "3 entries are in the log" in said
    assert f"The checkpoint of 9 entries is signed by {draft.vkey}" in said
    assert "3 of them were decided by the rules in policy/." in said
    assert said.endswith("RESULT: verified\n")


def test_unpacked_it_is_verified_as_well(verify: Verify, tmp_path: Path) -> None:
    draft = Draft()
    zipfile.ZipFile(draft.write(tmp_path)).extractall(tmp_path / "unpacked")
    assert verify(tmp_path / "unpacked", "--vkey", draft.vkey)[0] == 0


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 32, 33])
def test_of_every_entry_in_trees_of_many_sizes(verify: Verify, size: int) -> None:
    draft = Draft(size, events=range(1, size + 1))
    assert verify(draft, "--vkey", draft.vkey)[0] == 0


def test_it_says_that_an_enclosed_key_proves_little(verify: Verify) -> None:
    code, said = verify(Draft())
    assert code == 0
    assert "That the key is the log's: it came with the pack." in said
    _code, said = verify(draft := Draft(), "--vkey", draft.vkey)
    assert "That the key is the log's" not in said


def test_another_key_than_the_logs_is_refused(verify: Verify) -> None:
    other = generate_signer("log.example/ledger").verifier.vkey
    code, said = verify(Draft(), "--vkey", other)
    assert (code, "not signed by log.example/ledger" in said) == (1, True)


def test_it_says_what_no_proof_can_say(verify: Verify) -> None:
    _code, said = verify(Draft())
    assert "no other entry" in said
    assert "what an entry says is true" in said


def swap(name: str, number: int) -> Callable[[Draft], None]:
    """Puts the file of another event in the place of the one of event 4."""

    def change(draft: Draft) -> None:
        draft.files[name] = draft.files[name.replace("4", str(number))]

    return change


def use_hash_twice(draft: Draft) -> None:
    lines = draft.files[PROOF].split(b"\n")
    draft.files[PROOF] = b"\n".join([*lines[:2], lines[3], *lines[3:]])


def place(index: int) -> Callable[[Draft], None]:
    return lambda draft: draft.manifest["events"][1].update(index=index)


TAMPERING: dict[str, Callable[[Draft], object]] = {
    "an entry": lambda draft: draft.replace(ENTRY, b"ada", b"eve"),
    "an entry's place": place(4),
    "an index that is none": place(-1),
    "an entry of another event": swap(ENTRY, 1),
    "a proof of another event": swap(PROOF, 1),
    "a hash in a proof": use_hash_twice,
    "a hash too many": lambda draft: draft.replace(PROOF, b"=\n\n", b"=\n" + HASH + b"\n\n"),
    "something else than a hash": lambda draft: draft.replace(PROOF, b"=\n\n", b"=\nAAAA\n\n"),
    "a proof of another form": lambda draft: draft.replace(PROOF, b"@v1", b"@v2"),
    "a proof under another checkpoint": lambda draft: draft.replace(
        PROOF, draft.note.encode(), draft.checkpoint(8).encode()
    ),
    "an event twice": lambda draft: draft.manifest["events"].append({"id": 4, "index": 3}),
    "an entry that is no JSON": lambda draft: draft.files.update({ENTRY: b"\xff"}),
    "an entry that no event names": lambda draft: draft.files.update(
        {"entries/000000000005.json": draft.entry(5)}
    ),
    "the rules": lambda draft: draft.replace("policy/axioms.cedar", b"permit", b"forbid"),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_whatever_is_changed_fails(verify: Verify, what: str) -> None:
    """Whoever changes a pack can write a new manifest too: the digests are the least of it."""
    draft = Draft()
    TAMPERING[what](draft)
    code, said = verify(draft, "--vkey", draft.vkey)
    assert (code, "\nFAILED\n" in said, said.endswith("RESULT: FAILED\n")) == (1, True, True)


def test_one_bad_entry_does_not_hide_the_good_ones(verify: Verify) -> None:
    draft = Draft()
    TAMPERING["an entry"](draft)
    _code, said = verify(draft)
    assert "2 entries are in the log" in said
    assert "Event 4: the proof does not lead to the checkpoint" in said


@pytest.mark.parametrize(
    ("old", "new"), [(b"log.example", b"lag.example"), (b"\n9\n", b"\n8\n"), (b"\n\n", b"\n")]
)
def test_a_changed_checkpoint_is_refused(verify: Verify, old: bytes, new: bytes) -> None:
    draft = Draft()
    draft.replace("checkpoint", old, new)
    code, said = verify(draft, "--vkey", draft.vkey)
    assert (code, "RESULT: REFUSED" in said) == (1, True)


def test_files_have_the_digests_of_the_manifest(verify: Verify, tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(Draft().write(tmp_path)).extractall(unpacked)
    (unpacked / "README.txt").write_bytes(b"another")
    assert verify(unpacked)[0] == 1
    (unpacked / "README.txt").write_bytes(b"")
    (unpacked / "more.txt").write_bytes(b"")
    code, said = verify(unpacked)
    assert (code, "not those that its manifest names" in said) == (1, True)
    (unpacked / "more.txt").unlink()
    (unpacked / "README.txt").unlink()
    assert verify(unpacked)[0] == 1


def test_what_had_no_checkpoint_yet_is_said_to_be_unproven(verify: Verify) -> None:
    draft = Draft()
    for number in range(10, 25):
        draft.add(number, is_pending=True)
    code, said = verify(draft)
    assert code == 0
    assert "3 entries are in the log" in said
    assert "15 entries came after the checkpoint: 10, 11, 12" in said


def test_the_log_continues_a_checkpoint_that_was_kept(verify: Verify, tmp_path: Path) -> None:
    for size in range(1, 18):
        for known in range(1, size + 1):
            draft = Draft(size, events=(), known=known)
            (tmp_path / "kept").write_text(draft.checkpoint(known))
            code, said = verify(draft, "--checkpoint", str(tmp_path / "kept"))
            assert (code, f"continues your checkpoint of {known} entries" in said) == (0, True)


def rewritten(draft: Draft, size: int) -> str:
    """A checkpoint by the same key over another past."""
    honest, draft.tree = draft.tree, Draft(size).tree
    draft.tree.entries[0] = b"another"
    draft.tree.mth.cache_clear()
    note = draft.checkpoint(size)
    draft.tree = honest
    return note


@pytest.mark.parametrize("known", range(1, 10))
def test_a_log_that_was_rewritten_is_found_out(verify: Verify, tmp_path: Path, known: int) -> None:
    draft = Draft(9, known=known if known < 9 else 0)
    (tmp_path / "kept").write_text(rewritten(draft, known))
    code, said = verify(draft, "--checkpoint", str(tmp_path / "kept"))
    assert (code, "rewritten" in said or "two trees" in said) == (1, True)


@pytest.mark.parametrize(("size", "kept"), [(9, 5), (5, 9)])
def test_without_a_proof_from_there_it_is_not_proven(
    verify: Verify, tmp_path: Path, size: int, kept: int
) -> None:
    draft = Draft(9, events=())
    draft.files["checkpoint"] = draft.checkpoint(size).encode()
    (tmp_path / "kept").write_text(draft.checkpoint(kept))
    code, said = verify(draft, "--checkpoint", str(tmp_path / "kept"))
    assert (code, "no proof from there" in said) == (1, True)


def test_a_kept_checkpoint_of_another_log_is_refused(verify: Verify, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text(Draft().checkpoint(5))
    assert verify(Draft(known=5), "--checkpoint", str(tmp_path / "kept"))[0] == 1


def test_witnesses_are_asked_for_by_their_keys(verify: Verify) -> None:
    draft = Draft()
    witness, other = (Cosigner(generate_signer(f"w{n}.example")) for n in (1, 2))
    draft.cosign(witness)
    code, said = verify(draft, "--vkey", draft.vkey, "--witness", witness.verifier.vkey)
    assert (code, "w1.example has cosigned the checkpoint." in said) == (0, True)
    both = ("--witness", witness.verifier.vkey, "--witness", other.verifier.vkey)
    code, said = verify(draft, *both)
    assert (code, "w2.example has not cosigned" in said) == (1, True)


def test_a_wrong_cosignature_fails(verify: Verify) -> None:
    draft = Draft()
    witness = Cosigner(generate_signer("w1.example"))
    draft.cosign(witness)
    signature = draft.note.rsplit(" ", 1)[1].strip()
    wrong = f"{signature[:20]}{'A' * (len(signature) - 22)}=="
    for name, content in draft.files.items():
        draft.files[name] = content.replace(signature.encode(), wrong.encode())
    code, said = verify(draft, "--witness", witness.verifier.vkey)
    assert (code, "the signature by w1.example is wrong" in said) == (1, True)


def test_it_lists_what_is_proven(verify: Verify) -> None:
    _code, said = verify(Draft(), "--list")
    assert "4    user:ada    a:b:c" in said


def test_nothing_in_a_pack_reaches_the_terminal_as_a_command(verify: Verify) -> None:
    draft = Draft()
    draft.manifest["reason"] = "\x1b[2J\x1b]0;owned\x07\nPROVEN\u202e\n  everything"
    _code, said = verify(draft)
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\nPROVEN\n  everything" not in said


def test_how_it_is_used_wrongly_is_exit_code_2(verify: Verify, tmp_path: Path) -> None:
    path = str(Draft().write(tmp_path))
    for options in (
        [str(tmp_path / "nowhere.zip")],
        [path, "--vkey", "nonsense"],
        [path, "--witness", Draft().vkey],
        [path, "--checkpoint", str(tmp_path / "nowhere")],
        [path, "--checkpoint", path],
        [path, "--unknown"],
    ):
        assert verify(Path(options[0]), *options[1:])[0] == 2, options


@pytest.mark.parametrize(
    "manifest",
    [
        *(b"", b"\xff", b"[]", b"1", b"{}", b'{"files": [], "events": []}', b"[" * 100_000),
        b'{"files": {}, "files": {}}',
        json.dumps({"format": "vigil-evidence/2", "files": {}}).encode(),
        b'{"files": ' + b"9" * 1_000_000 + b"}",
    ],
)
def test_a_manifest_that_is_none_is_refused(
    verify: Verify, tmp_path: Path, manifest: bytes
) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "manifest.json").write_bytes(manifest)
    code, said = verify(tmp_path / "pack")
    assert (code, "RESULT: REFUSED" in said) == (1, True)


@pytest.mark.parametrize(
    "events", [None, 5, [5], [{}], [{"id": "x", "index": 0}], [{"id": 1, "index": {}}]]
)
def test_events_that_are_none_are_refused(verify: Verify, events: object) -> None:
    draft = Draft()
    draft.manifest["events"] = events
    code, said = verify(draft)
    assert (code, "verified" in said) == (1, False)
