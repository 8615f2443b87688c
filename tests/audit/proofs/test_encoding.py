import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs.encoding import MAX_SIZE, decode_base64, decode_decimal, encode_base64
from audit.proofs.errors import ProofError


@given(st.binary())
def test_base64_round_trip(data: bytes) -> None:
    assert decode_base64(encode_base64(data)) == data


@given(st.text() | st.text("ABQRgw+/-_= \n"))
def test_base64_has_one_spelling(text: str) -> None:
    try:
        data = decode_base64(text)
    except ProofError:
        return
    assert encode_base64(data) == text


@pytest.mark.parametrize(
    "text",
    ["QQ", "QQ=", "QR==", "QQ===", "QQ==QQ==", " QQ==", "QQ==\n", "QQ\n==", "_-8=", "QQé=", "="],
)
def test_other_base64_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        decode_base64(text)


@given(st.integers(0, MAX_SIZE))
def test_decimal_round_trip(number: int) -> None:
    assert decode_decimal(str(number)) == number


OTHER_DECIMALS = ["", "-0", "-1", "+1", "00", "01", "1_0", " 1", "1\n", "0x1", "1e3", "1.0", "²"]
ARABIC_ONE = "\N{ARABIC-INDIC DIGIT ONE}"


@pytest.mark.parametrize(
    "text", [*OTHER_DECIMALS, ARABIC_ONE, str(MAX_SIZE + 1), "9" * 20, "1" * 5000]
)
def test_other_decimals_are_refused(text: str) -> None:
    with pytest.raises(ProofError):
        decode_decimal(text)
