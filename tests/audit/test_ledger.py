import hashlib
import json
from pathlib import Path

import pytest
import rfc8785
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction

from audit.ledger import keys, tree
from audit.ledger.report import Report
from audit.ledger.sequencer import sequence_pending
from audit.ledger.signer import LedgerBroken, LedgerSigner
from audit.ledger.verify import verify
from audit.models import Checkpoint, Event, Head, Leaf, Tile
from audit.proofs import checkpoint as c2sp
from audit.proofs import merkle
from audit.rows import row_save
from incidents.models import Service
from tests.database import as_role, as_superuser
from tests.people import TESTS, Cast


@pytest.fixture
def signer(tmp_path: Path, settings: object) -> LedgerSigner:
    path = tmp_path / "signer"
    settings.SIGNER_KEY = path
    return LedgerSigner(keys.ensure_signer_key(path), path.with_suffix(".state"))


def publish(signer: LedgerSigner) -> Checkpoint | None:
    with as_role("vigil_ledger"):
        while sequence_pending():
            continue
    with as_role("vigil_signer"):
        return signer.sign()


def add_services(count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        row_save(instance=Service(slug=f"service-{number}", name=f"Service {number}"), by=TESTS)


def report_of(**options: object) -> Report:
    report = Report()
    verify(report, **options)
    return report


def rows_report() -> Report:
    return report_of(rows=True)


def test_an_entry_is_canonical_json_and_hashed_as_it_stands(cast: Cast) -> None:
    for event in Event.objects.all():
        entry = bytes(event.entry)
        assert rfc8785.dumps(json.loads(entry)) == entry
        assert bytes(event.leaf_hash) == hashlib.sha256(b"\0" + entry).digest()


def test_an_entry_has_the_fields_of_the_contract(cast: Cast) -> None:
    entry = json.loads(bytes(Event.objects.latest("id").entry))
    assert set(entry) == {
        *("id", "event", "timestamp", "actor", "actor_type", "action", "target", "verdict"),
        *("reason", "votes", "policy", "trace_id", "data", "changes"),
    }


def test_a_change_is_named_in_its_entry_with_the_digest_of_the_row(cast: Cast) -> None:
    service = Service(slug="api", name="API")
    row_save(instance=service, by=TESTS)
    entry = json.loads(bytes(Event.objects.latest("id").entry))
    named = {change["table"]: change for change in entry["changes"]}
    assert named["incidents_service"]["op"] == "I"
    assert named["incidents_service"]["pk"] == str(service.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT encode(sha256(convert_to(jsonb_strip_nulls(to_jsonb(s))::text, 'UTF8')), 'hex')"
            " FROM incidents_service s WHERE id = %s",
            [service.pk],
        )
        assert cursor.fetchone()[0] == named["incidents_service"]["sha256"]


def test_history_carries_the_event_of_its_change(cast: Cast) -> None:
    service = Service(slug="api", name="API")
    row_save(instance=service, by=TESTS)
    assert service.history.get().event_id == Event.objects.latest("id").pk


def test_indexes_are_dense_and_in_order(cast: Cast, signer: LedgerSigner) -> None:
    publish(signer)
    add_services(5)
    publish(signer)
    leaves = list(Leaf.objects.order_by("index"))
    assert [leaf.index for leaf in leaves] == list(range(Event.objects.count()))
    assert [leaf.event_id for leaf in leaves] == sorted(leaf.event_id for leaf in leaves)


def test_the_root_is_that_of_rfc_6962(cast: Cast, signer: LedgerSigner) -> None:
    checkpoint = publish(signer)
    leaves = [merkle.leaf_hash(bytes(event.entry)) for event in Event.objects.order_by("id")]
    assert checkpoint is not None
    assert bytes(checkpoint.root) == merkle.root(leaves)


def test_a_checkpoint_opens_with_the_published_key(cast: Cast, signer: LedgerSigner) -> None:
    stored = publish(signer)
    assert stored is not None
    opened = c2sp.Checkpoint.open(stored.note, keys.verifiers(), origin=keys.verifiers()[0].name)
    assert (opened.size, opened.root) == (stored.size, bytes(stored.root))


def test_every_event_proves_its_inclusion_across_tile_borders(
    cast: Cast, signer: LedgerSigner
) -> None:
    add_services(280)
    publish(signer)
    assert Tile.objects.count() == 1
    for event in Event.objects.all():
        proof = tree.prove(event.pk)
        assert proof is not None
        proof.verify(bytes(event.entry), keys.verifiers(), origin=keys.verifiers()[0].name)


def test_an_event_without_a_checkpoint_has_no_proof_yet(cast: Cast, signer: LedgerSigner) -> None:
    publish(signer)
    add_services(1)
    assert tree.prove(Event.objects.latest("id").pk) is None


def test_a_sound_ledger_verifies(committed_cast: Cast, signer: LedgerSigner) -> None:
    publish(signer)
    assert report_of().status == "verified"
    assert rows_report().status == "verified"
    assert rows_report().rows > 0


def test_events_not_signed_yet_are_pending(committed_cast: Cast, signer: LedgerSigner) -> None:
    publish(signer)
    add_services(1)
    assert report_of().status == "pending"


def test_without_any_checkpoint_it_is_unverifiable(
    committed_cast: Cast, signer: LedgerSigner
) -> None:
    with as_role("vigil_ledger"):
        sequence_pending()
    assert report_of().status == "unverifiable"


def test_more_than_64_changes_go_in_by_digest(committed_cast: Cast, signer: LedgerSigner) -> None:
    services = [Service(slug=f"s{number}", name=f"S{number}") for number in range(80)]
    row_save(
        instance=Service(slug="first", name="First"),
        related=lambda: [service.save() for service in services],
        by=TESTS,
    )
    entry = json.loads(bytes(Event.objects.latest("id").entry))
    with connection.cursor() as cursor:
        cursor.execute("SELECT changes FROM audit_event_changes WHERE event_id = %s", [entry["id"]])
        listed = cursor.fetchone()[0]
    assert entry["changes"] == {
        "count": 81,  # history rows are append-only, and not captured
        "sha256": hashlib.sha256(listed.encode()).hexdigest(),
    }
    publish(signer)
    assert rows_report().status == "verified"


def test_the_command_says_so_by_its_exit_code(
    committed_cast: Cast, signer: LedgerSigner, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(signer)
    call_command("verify_ledger", "--rows", "--json")
    assert json.loads(capsys.readouterr().out)["status"] == "verified"
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_event_p0 DISABLE TRIGGER ALL")
        superuser.execute("DELETE FROM audit_event WHERE id = 1")
    with pytest.raises(SystemExit) as ended:
        call_command("verify_ledger", "--json")
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["first_bad_index"] == 0


def test_the_signer_never_signs_what_it_has_not_read(
    committed_cast: Cast, signer: LedgerSigner
) -> None:
    with as_role("vigil_ledger"):
        sequence_pending()
    with as_superuser() as superuser:
        superuser.execute("ALTER TABLE audit_event_p0 DISABLE TRIGGER ALL")
        superuser.execute("UPDATE audit_event SET entry = '{}' WHERE id = 2")
    with pytest.raises(LedgerBroken, match="root"):
        signer.sign()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor = 'x'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "UPDATE audit_event_p0 SET actor = 'x'",
        "DELETE FROM audit_event_p0",
        "INSERT INTO audit_leaf VALUES (0, 1, sha256('x'))",
        "UPDATE audit_head SET size = 100",
        "DELETE FROM audit_pending",
        "DELETE FROM audit_change",
        "INSERT INTO audit_checkpoint VALUES (1, sha256('x'), 'x')",
        "UPDATE incidents_timelineentry SET text = 'x'",
        "DELETE FROM incidents_historicalincident",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_role_cannot_touch_the_record(cast: Cast, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        with transaction.atomic(), connection.cursor() as cursor:
            # The login of the tests is a superuser; the role is what counts in production.
            cursor.execute("SET SESSION AUTHORIZATION vigil_app")
            cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor = 'x'",
        "DELETE FROM audit_event_p0",
        "TRUNCATE audit_event",
        "TRUNCATE audit_event_p0",
        "UPDATE audit_leaf SET leaf_hash = sha256('x')",
        "UPDATE audit_head SET size = size - 1",
        "TRUNCATE incidents_incident CASCADE",
    ],
)
def test_not_even_the_owner_changes_the_record_with_triggers_on(
    committed_cast: Cast, signer: LedgerSigner, statement: str
) -> None:
    publish(signer)
    with pytest.raises(IntegrityError, match=r"append-only|only grows"):
        with as_role("vigil_owner"), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize("changes", [[{"pk": "1"}], None, "[]"])
def test_an_entry_cannot_bring_changes_of_its_own(committed_cast: Cast, changes: object) -> None:
    with pytest.raises(IntegrityError, match="leave its changes to the database"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO incidents_service (slug, name, description) VALUES ('a','a','')"
            )
            cursor.execute("SELECT nextval('audit_event_id_seq')")
            (number,) = cursor.fetchone()
            entry = rfc8785.dumps({"id": number, "changes": changes})
            cursor.execute(
                "INSERT INTO audit_event (id, writer_id, writer_seq, entry)"
                " VALUES (%s, gen_random_uuid(), 1, %s)",
                [number, entry],
            )


def test_the_head_starts_empty(committed_db: None) -> None:
    assert Head.objects.get().size == 0
