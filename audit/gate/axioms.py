"""The first voter: invariants in Cedar, shipped with the code and pinned by their SHA-256.

Fails closed: a file that is not the pinned one, or a Cedar error, is no vote, and the gate denies.
The file is read and its digest checked at every evaluation; only the parsing is kept.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit.gate.cedar import evaluate, parse
from audit.gate.types import Request, RulesChanged, Verdict, Vote

AXIOMS = Path(__file__).with_name("axioms.cedar")
PINNED = "1b28c421756c866dfe3dc482ebb949b2398eeaf39ce1cda2865b25db090ccd9c"


class AxiomsVoter:
    name = "axioms"

    def __init__(self, path: Path = AXIOMS, pinned: str = PINNED) -> None:
        self.path = path
        self.pinned = pinned

    @property
    def digest(self) -> str:
        return self.pinned

    def vote(self, _request: Request, asked: Mapping[str, Any]) -> Vote:
        return self.judge(asked)

    def judge(self, asked: Mapping[str, Any]) -> Vote:
        policies = parse(self._text())
        result = evaluate(policies, asked)
        if result.allowed:
            return Vote(self.name, Verdict.ALLOW, "no axiom forbids it", self.pinned)
        reasons = result.diagnostics.reasons
        approvals = policies.approvals(reasons)
        return Vote(
            self.name,
            Verdict.ESCALATE if approvals else Verdict.DENY,
            " ".join(policies.annotations[policy]["law"] for policy in reasons),
            self.pinned,
            tuple(policies.name(policy) for policy in reasons),
            approvals,
        )

    def _text(self) -> str:
        raw = self.path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != self.pinned:
            msg = f"{self.path.name} is not the file that was shipped"
            raise RulesChanged(msg)
        return raw.decode()
