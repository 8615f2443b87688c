"""One cell of the matrix, tried: the fault begins, is noticed, everything is done, it ends, all is well."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from portal.on_call import URGENCY
from portal.system.capabilities import Level
from tests.failover.world import Traffic
from tests.fault_matrix import probes
from tests.fault_matrix.claims import claims
from tests.fault_matrix.faults import fault
from tests.fault_matrix.house import House
from tests.fault_matrix.probes import Outcome, Went
from tests.fault_matrix.table import UNSEEN, Cell
from tests.fault_matrix.trial import PAGING, Trial

NOTICED, RECOVERED, KEPT = 120.0, 120.0, 90.0
PAGED, PAGED_BY_GUARD = 75.0, 110.0
FLAPPED = 14.0


def wait_for(done: Callable[[], bool], limit: float, since: float) -> float | None:
    """Seconds since then; None where the limit is over."""
    while not done():
        if time.monotonic() - since > limit:
            return None
        time.sleep(0.5)
    return time.monotonic() - since


def tried(
    house: House,
    cell: Cell,
    *,
    is_told: bool = True,
    is_paged: bool = False,
    is_helped: bool = False,
) -> Trial:
    """`is_told`: waits until the page says it, up to half a minute; `is_paged`: and until on-call is
    paged for it, as long again. `is_helped`: web processes start anew afterwards, in place of waiting for
    their breakers."""
    trial = Trial(cell)
    with house.traffic(0.5) as traffic:
        began = time.monotonic()
        with fault(house, cell):
            trial.noticed = _notice(house, trial, traffic, began, is_told=is_told)
            if is_paged and (about := paged_about(cell)):
                trial.outcomes[PAGING] = _paging(house, cell, about, began)
        ended = time.monotonic()
        if is_helped:
            house.start_web_anew()

        def is_well() -> bool:
            trial.not_well = _not_well(house, traffic)
            return not trial.not_well

        trial.recovered = wait_for(is_well, RECOVERED, ended)
    _look_at(trial, traffic)
    trial.lost = _lost(house, traffic)
    return trial


def paged_about(cell: Cell) -> str:
    """What on-call is to be paged for; empty where there is nothing in time."""
    if not cell.is_steady:
        return ""
    if "watchdog" in cell.finds:
        return "watchdog"
    return next((name for name in sorted(cell.finds) if name in URGENCY), "")


def _notice(
    house: House, trial: Trial, traffic: Traffic, began: float, *, is_told: bool
) -> float | None:
    is_steady = trial.cell.is_steady
    if not is_steady:
        time.sleep(FLAPPED)

    def is_noticed() -> bool:
        if is_steady and is_told:
            trial.claimed = claims(house) or trial.claimed
            if not trial.claimed or trial.wrong_claims():
                return False
        name = trial.cell.dependency.name
        seen = _do_everything(house, traffic)
        for title in UNSEEN.get(name, ()):
            del seen[title]
        for title, outcome in seen.items():
            is_dead = outcome.detail.startswith(f"{probes.NOBODY} ")
            if is_dead and name == "web":
                # A connection that ends with the process that served it is how its death looks.
                seen[title] = Outcome(Went.REFUSED, "nobody listens")
            elif outcome.went is Went.UNCLEAN:
                trial.unclean.append(f"{title}: {outcome.detail}")
        trial.outcomes = seen
        return not trial.disagreements()

    return wait_for(is_noticed, NOTICED, began)


def _do_everything(house: House, traffic: Traffic) -> dict[str, Outcome]:
    with ThreadPoolExecutor(len(probes.ONE_EACH) + 1) as pool:
        alert = pool.submit(probes.alert, house, traffic.acknowledged)
        others = {name: pool.submit(do, house) for name, do in probes.ONE_EACH.items()}
        return {**alert.result(), **{name: done.result() for name, done in others.items()}}


def _paging(house: House, cell: Cell, about: str, began: float) -> Outcome:
    is_guarded = about == "watchdog"
    limit = PAGED_BY_GUARD if is_guarded else PAGED
    is_expected = "emergency-pagerduty" not in cell.finds
    if not is_expected:
        time.sleep(max(0.0, began + PAGED - time.monotonic()))
    took = wait_for(lambda: bool(house.outside.pagerduty.triggered(about)), limit, began)
    if took is None:
        return Outcome(Went.UNCLEAN if is_expected else Went.LATE, "nobody is paged")
    return Outcome(Went.LATE, "by the web processes") if is_guarded else probes.WELL


def _not_well(house: House, traffic: Traffic) -> str:
    """What is not as it should be; empty where all is."""
    said = {title: level.value for title, level in claims(house).items() if level is not Level.FULL}
    if said:
        return f"the page says {said}"
    done = _do_everything(house, traffic)
    if bad := {t: str(outcome) for t, outcome in done.items() if outcome.went is not Went.WELL}:
        return str(bad)
    if missing := house.outside.missing():
        return f"{missing} lines of the journal are missing in the central log"
    told = [name for name in (*URGENCY, "watchdog") if house.outside.pagerduty.triggered(name)]
    return f"on-call was not told that it is over: {told}" if told else ""


def _look_at(trial: Trial, traffic: Traffic) -> None:
    """Whoever used it meanwhile was answered, or refused in clean words."""
    is_web = trial.cell.dependency.name == "web"
    for wanted, answers in ((202, traffic.sent), (200, traffic.read)):
        for each in answers:
            if each.status in {wanted, probes.BUSY} or (is_web and each.status == probes.NOBODY):
                continue
            if why := probes.unclean(each):
                trial.unclean.append(why)


def _lost(house: House, traffic: Traffic) -> int:
    """How many that were acknowledged are not there, or were never processed."""
    wanted = set(traffic.acknowledged)

    def missing() -> set[str]:
        with psycopg.connect(house.primary.superuser_url("vigil")) as database:
            rows = database.execute(
                "SELECT public_id::text FROM incidents_alertreceipt WHERE fate <> 'pending'"
            )
            return wanted - {row[0] for row in rows.fetchall()}

    wait_for(lambda: not missing(), KEPT, time.monotonic())
    return len(missing())
