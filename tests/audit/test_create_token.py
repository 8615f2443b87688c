"""`manage.py create_token`."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.authentication import token_for
from audit.management.commands.create_token import Command
from audit.models import ApiToken, Event
from tests.database import as_superuser
from tests.entries import actor_of
from tests.people import Cast

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(committed_cast: Cast, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[int, str, str]:
        """The exit code, and what was printed on standard output and error."""
        try:
            Command().run_from_argv(["manage.py", "create_token", *arguments])
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return command


def test_the_secret_stands_alone_on_standard_output(run: Run) -> None:
    code, out, _err = run("--name", "ci", "--scope", "alerts:write", "--source", "prometheus")
    assert (code, out.count("\n")) == (0, 1)
    token = token_for(out.strip())
    assert token is not None
    assert (token.name, token.scopes, token.source) == ("ci", ["alerts:write"], "prometheus")
    assert (token.user, token.expires_at) == (None, None)


def test_scopes_a_person_and_an_expiry(run: Run, committed_cast: Cast) -> None:
    code, out, _err = run(
        *("--name", "ci", "--scope", "incidents:read", "incidents:write"),
        *("--scope", "audit:read", "--user", "responder", "--expires-days", "30"),
    )
    assert code == 0
    token = token_for(out.strip())
    assert token is not None
    assert token.scopes == ["audit:read", "incidents:read", "incidents:write"]
    assert token.user == committed_cast.responder
    left = token.expires_at - timezone.now()
    assert timedelta(days=29) < left <= timedelta(days=30)


def test_a_new_token_is_on_record(run: Run) -> None:
    run("--name", "ci", "--scope", "alerts:write")
    event = Event.objects.latest("id")
    assert (event.event, actor_of(event)) == ("token_issued", "system:create-token")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "--name"),
        (("--name", "ci"), "--scope"),
        (("--name", "ci", "--scope", "root"), "alerts:write"),
        (("--name", "ci", "--scope", "admin", "--user", "nemo"), "nemo"),
        (("--name", "ci", "--scope", "admin", "--source", "no slug"), "source"),
        (("--name", "x" * 101, "--scope", "admin"), "name"),
        (("--name", " ", "--scope", "admin"), "name"),
        (("--name", "probe", "--scope", "admin"), "probe"),
        (("--name", "ci", "--scope", "admin", "--expires-days", "0"), "--expires-days"),
        (("--name", "ci", "--scope", "admin", "--expires-days", "soon"), "--expires-days"),
    ],
)
def test_a_mistake_is_named_on_standard_error(
    run: Run, arguments: tuple[str, ...], reason: str
) -> None:
    before = ApiToken.objects.count()
    code, out, err = run(*arguments)
    assert (code, out, reason in err) == (2, "", True)
    assert "Traceback" not in err
    assert ApiToken.objects.count() == before


def test_without_a_record_there_is_no_token(run: Run) -> None:
    with as_superuser() as superuser:
        superuser.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    code, out, err = run("--name", "ci", "--scope", "admin")
    assert (code, out) == (1, "")
    assert "audit trail" in err
