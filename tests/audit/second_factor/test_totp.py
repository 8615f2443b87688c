from datetime import UTC, datetime

import pytest

from audit.second_factor.totp import (
    matching_step,
    provisioning_uri,
    secret_text,
    step_at,
)
from tests.authenticator import code_of

# RFC 6238, appendix B, SHA-1; the last six of its eight digits.
SECRET = b"12345678901234567890"
VECTORS = (
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_vectors_of_the_rfc(seconds: int, code: str) -> None:
    assert code_of(SECRET, seconds) == code
    assert matching_step(SECRET, code, at(seconds)) == seconds // 30


@pytest.mark.parametrize(
    ("steps", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_clock_may_be_one_step_off(steps: int, fits: bool) -> None:
    now = 1234567890
    found = matching_step(SECRET, code_of(SECRET, now, steps=steps), at(now))
    assert found == (step_at(at(now)) + steps if fits else None)


@pytest.mark.parametrize("code", ["", "0", "0000000", "٠٠٥٩٢٤", "\0\0\0\0\0\0"])
def test_what_is_no_code_fits_nothing(code: str) -> None:
    assert matching_step(SECRET, code, at(1234567890)) is None


def test_the_secret_is_told_in_groups_and_as_the_apps_address() -> None:
    assert secret_text(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    uri = provisioning_uri(SECRET, issuer="Vigil a.example", account="ada@x")
    assert uri == (
        "otpauth://totp/Vigil%20a.example%3Aada%40x"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Vigil%20a.example"
    )
