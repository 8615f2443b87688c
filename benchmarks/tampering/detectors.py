"""Who finds tampering: the command in its forms, the signer, and a witness."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO

from django.core.management import call_command

from audit.ledger.kinds import Kind
from audit.ledger.signer import LedgerBroken
from audit.witness.witness import Refused
from benchmarks.tampering.house import House


class Detector(StrEnum):
    VERIFY = "verify_ledger"
    ROWS = "verify_ledger --rows"
    ARCHIVE = "verify_ledger --rows --archive"
    JOURNAL = "verify_ledger --journal"
    KEPT = "verify_ledger --from-checkpoint"
    SIGNER = "sequencer (the signer)"
    WITNESS = "witness"


@dataclass(frozen=True, slots=True)
class Found:
    kind: str
    detail: str
    index: int | None = None


def find(by: Detector, house: House) -> list[Found]:
    return DETECTORS[by](house)


def _verify(*options: str) -> list[Found]:
    output = StringIO()
    code = 0
    try:
        call_command("verify_ledger", "--json", *options, stdout=output)
    except SystemExit as ended:
        code = int(ended.code or 0)
    report = json.loads(output.getvalue())
    if code != (report["status"] in {"broken", "unverifiable"}):
        msg = f"exit code {code} for a record that is {report['status']}"
        raise AssertionError(msg)
    return [Found(each["kind"], each["detail"], each["index"]) for each in report["problems"]]


def _sign(house: House) -> list[Found]:
    try:
        house.publish()
    except LedgerBroken as broken:
        return [Found(broken.kind, broken.detail)]
    return []


def _witness(house: House) -> list[Found]:
    """Sends the log's latest checkpoint to the witness, which has cosigned the kept one."""
    try:
        house.show_witness()
    except Refused as refused:
        if refused.status == FORKED and house.fork_is_kept():
            return [Found(Kind.LOG_FORKED, str(refused), house.size() - 1)]
        return [Found("refused", str(refused))]
    return []


FORKED = 409
DETECTORS: dict[Detector, Callable[[House], list[Found]]] = {
    Detector.VERIFY: lambda _house: _verify(),
    Detector.ROWS: lambda _house: _verify("--rows"),
    Detector.ARCHIVE: lambda house: _verify("--rows", "--archive", str(house.archives)),
    Detector.JOURNAL: lambda _house: _verify("--journal"),
    Detector.KEPT: lambda house: _verify("--from-checkpoint", str(house.kept)),
    Detector.SIGNER: _sign,
    Detector.WITNESS: _witness,
}
