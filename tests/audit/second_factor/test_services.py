"""A second factor is set up, answered with, and taken away, each on record and each only by its own."""

import dataclasses
import json
import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from audit.approvals.arguments import CannotBeAsked, encode
from audit.gate.axioms import AxiomsVoter
from audit.models import Event, RecoveryCode, SecondFactor, User
from audit.principal import Principal, client, person
from audit.second_factor import recovery, services
from audit.second_factor.services import (
    FREE_FAILURES,
    recovery_codes_renew,
    second_factor_answer,
    second_factor_begin,
    second_factor_confirm,
    second_factor_remove,
    second_factor_reset,
)
from audit.secrecy import Typed
from portal.lib.errors import (
    AuditUnavailable,
    Conflict,
    GovernanceDenied,
    GovernanceFailure,
    RateLimitExceeded,
    ValidationFailed,
)
from tests.authenticator import PASSWORD, code_of, enrol
from tests.database import as_superuser
from tests.entries import noted
from tests.people import Cast

OTHER = "000000"


def fresh(name: str = "commander") -> User:
    return User.objects.get(username=name)


def answer(user: User, code: str) -> bool:
    return second_factor_answer(user=user, code=Typed(code), by=person(user))


def wrong(secret: bytes) -> str:
    fits = {code_of(secret, steps=steps) for steps in range(-2, 3)}
    return next(code for n in range(10) if (code := str(n) * 6) not in fits)


def newest() -> tuple[str, dict[str, object]]:
    event = Event.objects.order_by("-id")[0]
    return event.event, noted(json.loads(bytes(event.entry)))


def test_it_counts_once_a_code_has_confirmed_it(cast: Cast) -> None:
    user = cast.commander
    secret = second_factor_begin(user=user, password=Typed(PASSWORD), by=person(user))
    assert fresh().second_factor_since is None
    codes = second_factor_confirm(user=user, code=Typed(code_of(secret)), by=person(user))
    assert fresh().second_factor_since is not None
    assert len(set(codes)) == recovery.COUNT
    assert newest() == (
        "second_factor_set_up",
        {
            "user": person(cast.commander).recorded,
            "recovery_codes": 10,
        },
    )


def test_a_wrong_code_confirms_nothing(cast: Cast) -> None:
    user = cast.commander
    secret = second_factor_begin(user=user, password=Typed(PASSWORD), by=person(user))
    with pytest.raises(ValidationFailed, match="clock"):
        second_factor_confirm(user=user, code=Typed(wrong(secret)), by=person(user))
    assert fresh().second_factor_since is None


def test_beginning_asks_for_the_password(cast: Cast) -> None:
    user = cast.commander
    with pytest.raises(ValidationFailed, match="password"):
        second_factor_begin(user=user, password=Typed("guess"), by=person(user))
    assert not SecondFactor.objects.exists()


def test_beginning_again_draws_another_secret_until_it_is_confirmed(cast: Cast) -> None:
    user = cast.commander
    first = second_factor_begin(user=user, password=Typed(PASSWORD), by=person(user))
    secret, _codes = enrol(user)
    assert secret != first
    with pytest.raises(Conflict):
        second_factor_begin(user=user, password=Typed(PASSWORD), by=person(user))


def test_a_code_is_accepted_once(cast: Cast) -> None:
    secret, _codes = enrol(cast.commander)
    assert not answer(cast.commander, code_of(secret))
    following = code_of(secret, steps=1)
    assert answer(cast.commander, f"{following[:3]} {following[3:]}")
    assert newest()[0] == "second_factor_accepted"
    assert not answer(cast.commander, following)
    assert not answer(cast.commander, code_of(secret))
    event, data = newest()
    assert (event, data["failures"]) == ("second_factor_refused", 2)


def test_two_at_once_with_one_code_are_one(committed_cast: Cast) -> None:
    secret, _codes = enrol(committed_cast.commander)
    code, said = code_of(secret, steps=1), []

    def try_it() -> None:
        try:
            said.append(answer(fresh(), code))
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [False, False, False, True]


def test_a_recovery_code_is_accepted_once_however_it_is_typed(cast: Cast) -> None:
    _secret, codes = enrol(cast.commander)
    assert answer(cast.commander, f" {codes[0].upper().replace('-', ' ')} ")
    assert newest()[1]["recovery_codes_left"] == 9
    assert not answer(cast.commander, codes[0])
    assert answer(cast.commander, codes[1])


def test_recovery_codes_are_each_persons_own(cast: Cast) -> None:
    _secret, codes = enrol(cast.commander)
    enrol(cast.approver)
    assert not answer(cast.approver, codes[0])


def test_after_some_wrong_codes_the_account_waits_and_nobody_else(cast: Cast) -> None:
    secret, codes = enrol(cast.commander)
    other, _codes = enrol(cast.approver)
    for _ in range(FREE_FAILURES):
        assert not answer(cast.commander, wrong(secret))
    with pytest.raises(RateLimitExceeded) as caught:
        answer(cast.commander, codes[0])
    assert 0 < (caught.value.retry_after or 0) <= 31
    assert answer(cast.approver, code_of(other, steps=1))


def test_who_waits_gets_in_again_and_starts_afresh(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, codes = enrol(cast.commander)
    for _ in range(FREE_FAILURES):
        answer(cast.commander, wrong(secret))
    with pytest.raises(RateLimitExceeded):
        answer(cast.commander, codes[0])
    monkeypatch.setattr(services, "FIRST_WAIT", timedelta(0))
    assert answer(cast.commander, codes[0])
    assert SecondFactor.objects.get().failures == 0


def test_removing_takes_password_and_code(cast: Cast) -> None:
    secret, codes = enrol(cast.commander)
    user = cast.commander

    def remove(password: str, code: str) -> bool:
        return second_factor_remove(
            user=user, password=Typed(password), code=Typed(code), by=person(user)
        )

    with pytest.raises(ValidationFailed):
        remove("guess", codes[0])
    assert not remove(PASSWORD, wrong(secret))
    assert fresh().second_factor_since is not None
    assert remove(PASSWORD, codes[0])
    assert fresh().second_factor_since is None
    assert not SecondFactor.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_new_recovery_codes_take_the_place_of_the_old(cast: Cast) -> None:
    secret, old = enrol(cast.commander)
    user = cast.commander
    assert not recovery_codes_renew(user=user, code=Typed(wrong(secret)), by=person(user))
    new = recovery_codes_renew(user=user, code=Typed(code_of(secret, steps=1)), by=person(user))
    assert not answer(user, old[0])
    assert answer(user, new[0])


def test_an_administrator_resets_it_for_a_reason(cast: Cast) -> None:
    enrol(cast.commander)
    admin = cast.principal("administrator")
    with pytest.raises(ValidationFailed):
        second_factor_reset(user=cast.commander, by=admin, reason=" ")
    second_factor_reset(user=cast.commander, by=admin, reason="Lost phone, seen in person")
    assert fresh().second_factor_since is None
    assert newest()[0] == "second_factor_reset"


def test_nobody_resets_their_own(cast: Cast) -> None:
    enrol(cast.administrator)
    admin = cast.principal("administrator")
    with pytest.raises(Conflict):
        second_factor_reset(user=cast.administrator, by=admin, reason="Mine")


def test_the_wrong_role_resets_nothing(cast: Cast) -> None:
    enrol(cast.commander)
    with pytest.raises(GovernanceDenied):
        second_factor_reset(user=cast.commander, by=cast.principal("auditor"), reason="Why not")
    assert fresh().second_factor_since is not None


def token_of(cast: Cast) -> Principal:
    token = dataclasses.replace(client(cast.token), user=cast.commander)
    return dataclasses.replace(token, scopes=frozenset({"admin"}))


@pytest.mark.parametrize("who", ["administrator", "token"])
def test_it_is_each_persons_own_in_a_session(cast: Cast, who: str) -> None:
    by = token_of(cast) if who == "token" else cast.principal(who)
    user, typed = cast.commander, Typed(PASSWORD)
    secret, codes = enrol(user)
    for call in (
        lambda: second_factor_begin(user=user, password=typed, by=by),
        lambda: second_factor_confirm(user=user, code=Typed(code_of(secret)), by=by),
        lambda: second_factor_answer(user=user, code=Typed(codes[0]), by=by),
        lambda: second_factor_remove(user=user, password=typed, code=Typed(codes[0]), by=by),
        lambda: recovery_codes_renew(user=user, code=Typed(codes[0]), by=by),
    ):
        with pytest.raises(GovernanceDenied):
            call()
    assert answer(user, codes[0])


def test_with_a_broken_gate_nothing_is_accepted(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    _secret, codes = enrol(cast.commander)

    def broken(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(AxiomsVoter, "vote", broken)
    for call in calls(cast, codes[0]):
        with pytest.raises(GovernanceFailure):
            call()
    assert RecoveryCode.objects.filter(used_at=None).count() == 10


def test_with_a_broken_ledger_nothing_is_accepted(committed_cast: Cast) -> None:
    _secret, codes = enrol(committed_cast.commander)
    with as_superuser() as cursor:
        cursor.execute("REVOKE INSERT ON audit_event FROM vigil_app")
    for call in calls(committed_cast, codes[0]):
        with pytest.raises(AuditUnavailable):
            call()
    assert RecoveryCode.objects.filter(used_at=None).count() == 10
    assert fresh().second_factor_since is not None


def calls(cast: Cast, code: str):  # noqa: ANN201 - of everything there is
    user, admin = cast.commander, cast.principal("administrator")
    by, typed = person(user), Typed(code)
    return (
        lambda: second_factor_answer(user=user, code=typed, by=by),
        lambda: second_factor_remove(user=user, password=Typed(PASSWORD), code=typed, by=by),
        lambda: recovery_codes_renew(user=user, code=typed, by=by),
        lambda: second_factor_reset(user=user, by=admin, reason="Lost"),
        lambda: second_factor_begin(
            user=cast.approver, password=Typed(PASSWORD), by=person(cast.approver)
        ),
    )


def test_no_secret_is_on_record_or_in_the_database(cast: Cast) -> None:
    secret, codes = enrol(cast.commander)
    answer(cast.commander, codes[0])
    kept = b"".join(bytes(event.entry) for event in Event.objects.all())
    assert codes[0].encode() not in kept
    assert PASSWORD.encode() not in kept
    assert secret not in bytes(SecondFactor.objects.get().sealed_secret)
    assert codes[0] not in repr(Typed(codes[0]))


def test_what_was_typed_is_never_put_up_for_approval(cast: Cast) -> None:
    with pytest.raises(CannotBeAsked):
        encode({"code": Typed("123456")})


def test_a_copy_in_somebody_elses_row_opens_nothing(committed_cast: Cast) -> None:
    cast = committed_cast
    secret, _codes = enrol(cast.commander)
    enrol(cast.approver)
    with as_superuser() as cursor:
        cursor.execute("ALTER TABLE audit_secondfactor DISABLE TRIGGER ALL")
        cursor.execute(
            "UPDATE audit_secondfactor SET sealed_secret = (SELECT sealed_secret"
            " FROM audit_secondfactor WHERE user_id = %s) WHERE user_id = %s",
            [cast.commander.pk, cast.approver.pk],
        )
    with pytest.raises(Conflict, match="SECRET_KEY"):
        answer(cast.approver, code_of(secret, steps=1))


def test_a_former_key_still_opens_and_a_forgotten_one_does_not(
    cast: Cast, settings: object
) -> None:
    secret, codes = enrol(cast.commander)
    former = settings.SECRET_KEY  # type: ignore[attr-defined] # the fixture's own proxy
    with override_settings(SECRET_KEY="another"):
        with pytest.raises(Conflict, match="another SECRET_KEY"):
            answer(cast.commander, code_of(secret, steps=1))
        assert not answer(cast.commander, codes[0])
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[former]):
        assert answer(cast.commander, code_of(secret, steps=1))
        assert answer(cast.commander, codes[1])


def test_the_wait_doubles_up_to_a_quarter_of_an_hour() -> None:
    at = timezone.now()
    waits = [
        services._waits(SecondFactor(failures=failures, failed_at=at), at)
        for failures in (4, 5, 6, 7, 40)
    ]
    assert waits == [0, 31, 61, 121, 901]
    later = at + timedelta(seconds=30)
    assert services._waits(SecondFactor(failures=5, failed_at=at), later) == 0


def test_a_code_of_the_future_is_not_kept_for_later(cast: Cast) -> None:
    secret, _codes = enrol(cast.commander)
    with time_machine.travel(timezone.now(), tick=False):
        assert not answer(cast.commander, code_of(secret, steps=3))
