"""A whole installation on loopback in a place of its own, with people, a P0 incident and requests."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server

from benchmarks.flooding import Request, send

START = 120.0


class Installation:
    def __init__(self, port: int, pid: int, made: dict[str, object]) -> None:
        self.port, self.pid = port, pid
        self._tokens = list(made["tokens"])  # type: ignore[call-overload] # as `_prepare` made it
        self._sessions = list(made["sessions"])  # type: ignore[call-overload] # likewise
        self._urgent, self._detector = made["urgent"], made["detector"]
        self._incident = made["incident"]

    def note(self, text: str) -> Request:
        url = f"/api/v1/incidents/{self._incident}/timeline/"
        return _request("POST", url, f"Bearer {self._urgent}", {"text": text})

    def alert(self, summary: str) -> Request:
        return _request("POST", "/api/v1/alerts/", f"Bearer {self._detector}", {"summary": summary})

    def ordinary_requests(self) -> list[Request]:
        """Lists by the API, and pages, in the names of many."""
        lists = ("/api/v1/incidents/", "/api/v1/incidents/?state=detected", "/audit/?q=note")
        pages = ("/", "/incidents/incident/", "/incidents/live/")
        found: list[Request] = []
        for number, (token, session) in enumerate(zip(self._tokens, self._sessions, strict=True)):
            found += [_request("GET", url, f"Bearer {token}") for url in lists[:2]]
            asked = (pages[number % 3], lists[2])
            found += [_request("GET", url, cookie=f"sessionid={session}") for url in asked]
        return found

    def metrics(self, name: str) -> dict[str, float]:
        _status, text = self.ask({"method": "GET", "url": "/metrics"})
        lines = re.findall(rf"^{name}{{(.*)}} (\S+)$", text.decode(), re.MULTILINE)
        return {labels: float(value) for labels, value in lines}

    def ask(self, request: Request) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            return send(connection, request)
        finally:
            connection.close()

    def wait_until_served(self) -> float:
        """When each of a dozen ordinary requests in a row was served, by somebody who was not part
        of the flood."""
        request = _request("GET", "/api/v1/incidents/", f"Bearer {self._urgent}")
        row = 0
        while row < 12:  # noqa: PLR2004
            row = row + 1 if self.ask(request)[0] == http.client.OK else 0
            if not row:
                time.sleep(0.1)
        return time.monotonic()

    def missing(self, receipts: list[str]) -> int:
        from incidents.models import AlertReceipt

        found = AlertReceipt.objects.filter(public_id__in=receipts).values_list(
            "public_id", flat=True
        )
        return len(set(receipts) - {str(each) for each in found})


def _request(
    method: str, url: str, authorization: str = "", body: object = None, *, cookie: str = ""
) -> Request:
    headers = {"Host": "localhost", "Accept": "application/json"}
    if authorization:
        headers["Authorization"] = authorization
    if cookie:
        headers |= {"Cookie": cookie, "Accept": "text/html"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    text = None if body is None else json.dumps(body)
    return {"method": method, "url": url, "headers": headers, "body": text}


@contextmanager
def running(*, people: int, **env: str) -> Iterator[Installation]:
    with (
        tempfile.TemporaryDirectory(prefix="vigil-load-") as home,
        create_server(("127.0.0.1", 0)) as server,
    ):
        Path(home).chmod(0o755)
        port = server.getsockname()[1]
        server.close()
        os.environ |= {"VIGIL_VAR": f"{home}/var", "VIGIL_PORT": str(port), **env}
        log = Path(home, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "portal.stack"], stdout=output, stderr=output
            )
        try:
            until = time.monotonic() + START
            while "Vigil is ready at" not in log.read_text():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(log.read_text())
                time.sleep(0.2)
            yield Installation(port, process.pid, _prepare(people))
        finally:
            _close()
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _prepare(people: int) -> dict[str, object]:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from audit.accounts import token_issue, user_create
    from audit.models import ApiToken, User
    from audit.principal import person, system
    from incidents.models import Incident
    from incidents.services.incidents import incident_open

    by, commander = system("bench"), User.objects.get(username="commander")

    def token(name: str, user: User | None, *scopes: str) -> str:
        return token_issue(token=ApiToken(name=name, scopes=list(scopes), user=user), by=by)

    made: dict[str, list[str]] = {"tokens": [], "sessions": []}
    for number in range(people):
        name = f"person-{number}"
        user = user_create(
            user=User(username=name), password=os.urandom(12).hex(), roles=["Responder"], by=by
        )
        made["tokens"].append(token(name, user, "incidents:read"))
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        made["sessions"].append(str(session.session_key))
    for number in range(40):
        incident = Incident(title=f"Number {number}", severity="P2")
        incident_open(incident=incident, by=person(commander))
    urgent = incident_open(
        incident=Incident(title="All is down", severity="P0"), by=person(commander)
    )
    return {
        **made,
        "incident": urgent.number,
        "urgent": token("urgent", commander, "incidents:read", "incidents:write"),
        "detector": token("detector", None, "alerts:write"),
    }


def _close() -> None:
    from audit import journal

    journal.close()
