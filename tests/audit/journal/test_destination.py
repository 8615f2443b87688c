"""Where the journal is sent to, as it is configured."""

import pytest

from audit.journal.ship.destination import BadDestination, Destination


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("logs.example.org:514", "must start with"),
        ("udp://logs:514", "must start with"),
        ("syslog+tcp://logs", "no port"),
        ("syslog+tcp://:601", "no host"),
        ("syslog+tcp://logs:99999", "not a URL"),
        ("syslog+tcp://logs:601?ca=x", "no option ca"),
        ("syslog+tls://logs?ca=/nowhere", "No such file"),
        ("syslog+tls://logs?fingerprint=abc", "SHA-256"),
        ("syslog+tcp://logs:601/path", "no path"),
        ("otlp+https://user:secret@logs", "no user"),
        ("otlp+http://logs?enterprise=1", "no option enterprise"),
    ],
)
def test_a_destination_that_cannot_be_used_is_named(url: str, reason: str) -> None:
    with pytest.raises(BadDestination, match=reason) as refused:
        Destination.parse(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("headers", ["Authorization", "X=a%0d%0aY: b"])
def test_headers_that_cannot_be_sent_are_refused(headers: str) -> None:
    with pytest.raises(BadDestination, match="headers"):
        Destination.parse("otlp+http://logs", headers=headers)


def test_a_destinations_name_holds_no_secret() -> None:
    assert Destination.parse("syslog+tls://Logs?enterprise=7").name == "syslog+tls://logs:6514"
