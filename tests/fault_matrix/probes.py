"""Does what each capability is there for, from outside, and says how that went."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.failover.world import READ_ONLY, Answer
from tests.fault_matrix.house import House
from tests.fault_matrix.table import PUBLIC, TELLING

# How long what is done at once may take, on a machine that has more to do.
PATIENCE = 8.0
CLEAN = {503: {"DB_UNAVAILABLE", "AUDIT_UNAVAILABLE"}, 504: {"API_TIMEOUT"}}
# Status 0 is what `ask` makes of nobody who answers.
BUSY, NOBODY = 429, 0


class Went(StrEnum):
    WELL = "well"
    LATE = "late"
    """Taken, and done later, or without a part that the page names."""
    REFUSED = "refused"
    UNCLEAN = "unclean"


@dataclass(frozen=True, slots=True)
class Outcome:
    went: Went
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.went.value} ({self.detail})" if self.detail else self.went.value


WELL = Outcome(Went.WELL)


def worst(*outcomes: Outcome) -> Outcome:
    order = list(Went)
    return max(outcomes, key=lambda each: order.index(each.went))


def judged(answer: Answer, wanted: int = 200) -> Outcome:
    if answer.status == wanted:
        return Outcome(Went.LATE, "read only") if READ_ONLY in answer.headers else WELL
    if reason := unclean(answer):
        return Outcome(Went.UNCLEAN, reason)
    return Outcome(Went.REFUSED, str(answer.status))


def unclean(answer: Answer) -> str:
    """Why this is no clean refusal: with the envelope, or as a page, and a word on when to try again."""
    shown = f"{answer.status} {answer.body[:300]!r}"
    if answer.status not in CLEAN:
        return shown
    if answer.status == 503 and "Retry-After" not in answer.headers:
        return f"no Retry-After: {shown}"
    if "json" not in answer.headers.get("Content-Type", ""):
        return "" if answer.headers.get("X-Trace-Id", "-") in answer.body else shown
    body = json.loads(answer.body)
    is_clean = body["error_code"] in CLEAN[answer.status] and len(body["trace_id"]) == 32
    return "" if is_clean else shown


def patient(ask: Callable[[], Answer]) -> Answer:
    """Asks again where the machine, and not a dependency, is too busy."""
    until = time.monotonic() + 20
    while (answer := ask()).status == BUSY and time.monotonic() < until:
        time.sleep(1)
    return answer


def soon(done: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while not (is_done := done()) and time.monotonic() < until:
        time.sleep(0.2)
    return is_done


def alert(house: House, acknowledged: list[str]) -> dict[str, Outcome]:
    """Sends one, follows it to its incident, to who is told of that, and into the log."""
    alert = {"dedup_key": f"probe-{time.time_ns()}", "summary": "is it taken", "severity": "P1"}
    answer = house.send("POST", "/api/v1/alerts/", alert, house.token)
    outcome = judged(answer, 202)
    if outcome.went is not Went.WELL:
        return dict.fromkeys(("Alerts in", "Background work", "The record", TELLING), outcome)
    receipt = json.loads(answer.body)["receipts"][0]["id"]
    acknowledged.append(receipt)
    seen: list[dict[str, object]] = []

    def is_processed() -> bool:
        found = house.call("GET", f"/api/v1/receipts/{receipt}/")
        if found.status == 200:
            seen.append(json.loads(found.body))
        return bool(seen) and seen[-1]["fate"] != "pending"

    done = WELL if soon(is_processed) else Outcome(Went.LATE, "its receipt waits")
    record = covered(house, seen[-1]["event"]) if seen else done
    told = telling(house, seen[-1]["incident"]) if done is WELL else done
    return {"Alerts in": done, "Background work": done, "The record": record, TELLING: told}


def telling(house: House, number: object) -> Outcome:
    """Whether each message about it has found its way; without channels, to where it is shown."""
    path = f"/api/v1/notifications/?incident={number}"

    def is_told() -> bool:
        found = house.call("GET", path)
        if found.status != 200:
            return False
        states = [each["state"] for each in json.loads(found.body).get("results", ())]
        return bool(states) and set(states) <= {"sent", "sink"}

    return WELL if soon(is_told) else Outcome(Went.LATE, "its messages wait")


def covered(house: House, event: object) -> Outcome:
    """Whether a checkpoint is over this event, with the witness's signature as well as the log's."""
    path = f"/api/v1/audit/events/{event}/proof/"
    last: list[Answer] = []

    def is_covered() -> bool:
        last.append(house.call("GET", path, by="security"))
        return last[-1].status == 200 and "vigil.test/witness" in last[-1].body

    if soon(is_covered):
        return WELL
    if last[-1].status == 200:
        return Outcome(Went.LATE, "not cosigned")
    if last[-1].status == 409:
        return Outcome(Went.LATE, "no checkpoint is over it")
    return judged(last[-1])


def incident(house: House) -> Outcome:
    path = f"/api/v1/incidents/{house.incident}/timeline/"
    answer = patient(lambda: house.call("POST", path, {"text": "looking into it"}))
    outcome = judged(answer, 201)
    if outcome.went is not Went.WELL:
        return outcome
    return covered(house, json.loads(answer.body)["event"])


def reading(house: House) -> Outcome:
    listed = patient(lambda: house.call("GET", "/api/v1/incidents/?state=detected"))
    pages = ("/incidents/incident/", f"/incidents/{house.incident}/")
    opened = [judged(patient(lambda page=page: house.open(page))) for page in pages]
    return worst(judged(listed), *opened)


def governance(house: House) -> Outcome:
    """Asks for what takes a second person, who declines; and looks at what waits."""
    page = judged(patient(lambda: house.open("/approvals/")))
    path = f"/api/v1/incidents/{house.incident}/change-severity/"
    wanted = {"severity": "P2", "reason": "it may not be that bad"}
    asked = patient(lambda: house.call("POST", path, wanted))
    outcome = judged(asked, 202)
    if outcome.went is not Went.WELL:
        return outcome
    number = json.loads(asked.body)["approval"].rstrip("/").rpartition("/")[2]
    path = f"/api/v1/audit/approvals/{number}/deny/"
    denied = patient(lambda: house.call("POST", path, {"reason": "it is"}, by="security"))
    return worst(page, judged(denied))


def live(house: House) -> Outcome:
    path = f"/incidents/{house.incident}/live/"
    return judged(patient(lambda: house.open(path, HX_Request="true")))


def export(house: House) -> Outcome:
    wanted = {"events": "1-20", "reason": "an audit"}
    return judged(
        patient(lambda: house.call("POST", "/api/v1/audit/export/", wanted, by="security"))
    )


def public(house: House) -> Outcome:
    paths = ("/health/live", "/status/", "/status.json", "/health/system", "/metrics")
    found = [(path, house.visit(path)) for path in paths]
    bad = [f"{answer.status} for {path}" for path, answer in found if answer.status != 200]
    return Outcome(Went.UNCLEAN, "; ".join(sorted(bad, reverse=True))) if bad else WELL


ONE_EACH: dict[str, Callable[[House], Outcome]] = {
    "Working incidents": incident,
    "Reading incidents and the record": reading,
    "Governance": governance,
    "Live updates": live,
    "Evidence exports": export,
    PUBLIC: public,
}
