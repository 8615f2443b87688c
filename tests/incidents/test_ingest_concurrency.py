"""Many at once, and workers that die half-way: exactly once, and in order."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.conf import settings
from django.db import connection

from audit.models import Event
from incidents.models import Alert, AlertReceipt, Incident
from incidents.tasks import drain_receipts
from portal.stack.processes import ROOT
from tests.database import as_superuser, url_of
from tests.incidents.api.calling import Answer, issued, with_secret
from tests.incidents.ingesting import received
from tests.people import Cast

POSTS, SENDERS, DRAINERS = 200, 16, 4


def in_threads(number: int, work: Callable[[int], Any], times: int) -> list[Any]:
    start = Barrier(number)

    def run(position: int) -> Any:
        try:
            if position < number:
                start.wait(20)
            return work(position)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(run, range(times)))


def drain_all(_number: int = 0) -> None:
    while AlertReceipt.objects.filter(fate="pending").exists():
        drain_receipts()


def test_two_hundred_posts_of_one_alert_are_one_incident(committed_cast: Cast) -> None:
    secret = committed_cast.secret
    alert = {"summary": "Disk full", "severity": "critical", "dedup_key": "k", "service": "New"}

    def send(_number: int) -> Answer:
        return with_secret(secret).post("alerts/", alert)

    answers = in_threads(SENDERS, send, POSTS)
    assert {answer.status for answer in answers} == {202}
    in_threads(DRAINERS, drain_all, DRAINERS)
    assert Incident.objects.count() == 1
    [known] = Alert.objects.all()
    assert known.receipt_count == POSTS
    fates = Counter(AlertReceipt.objects.values_list("fate", flat=True))
    assert fates == {"opened": 1, "appended": POSTS - 1}
    shown = with_secret(secret).get(f"receipts/{answers[-1].body['receipts'][0]['id']}/").body
    assert shown["incident"] == Incident.objects.get().number


def test_the_first_posts_of_a_new_detector_make_one_source(committed_cast: Cast) -> None:
    secret = issued("alerts:write", source="fresh")
    answers = in_threads(
        8, lambda n: with_secret(secret).post("alerts/", {"summary": f"Alert {n}"}), 8
    )
    assert {answer.status for answer in answers} == {202}
    assert set(AlertReceipt.objects.values_list("source__slug", flat=True)) == {"fresh"}


def test_drainers_at_once_keep_the_order_within_each_key(committed_cast: Cast) -> None:
    keys = [f"key-{number}" for number in range(6)]
    for status in ("firing", "firing", "resolved") * 2:
        for key in keys:
            received(committed_cast, key, status)
    in_threads(DRAINERS, drain_all, DRAINERS)
    for key in keys:
        fates = AlertReceipt.objects.filter(dedup_key=key).order_by("id")
        assert list(fates.values_list("fate", flat=True)) == [
            *("opened", "appended", "resolved") * 2
        ]
    assert Incident.objects.count() == 2 * len(keys)


def test_drainers_at_once_leave_no_events_of_doing_nothing(committed_cast: Cast) -> None:
    for number in range(20):
        received(committed_cast, f"key-{number}")
    in_threads(DRAINERS, drain_all, DRAINERS)
    assert Event.objects.filter(event="alerts_processed").count() == 20


# Settles the waiting receipts, but stops for ever before it commits.
DIES = """
import time
import django
django.setup()
from audit import record
def hang(self):
    print("holding", flush=True)
    time.sleep(60)
record.Record.append = hang
from incidents.tasks import drain_receipts
drain_receipts()
"""


def test_a_worker_that_is_killed_half_way_loses_and_doubles_nothing(committed_cast: Cast) -> None:
    for _ in range(5):
        received(committed_cast, "k")
    worker = subprocess.Popen(
        [sys.executable, "-c", DIES],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": url_of(connection.settings_dict["NAME"]),
            "VIGIL_DATABASE_ROLE": "vigil_app",
            "VIGIL_VAR": str(settings.VAR.var),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        },
        stdout=subprocess.PIPE,
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"holding\n"
        drain_receipts()
        assert AlertReceipt.objects.filter(fate="pending").count() == 5
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        worker.stdout.close()
    _wait_until_alone()
    drain_receipts()
    assert Counter(AlertReceipt.objects.values_list("fate", flat=True)) == {
        "opened": 1,
        "appended": 4,
    }
    assert Incident.objects.count() == 1


def _wait_until_alone() -> None:
    """The server notices within moments that the worker's connection is gone."""
    with as_superuser() as superuser:
        for _ in range(100):
            held = superuser.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchone()
            if held == (0,):
                return
            time.sleep(0.05)
    raise AssertionError("the dead worker still holds its lock")
