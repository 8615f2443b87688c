"""Where to: `syslog+tcp://host:port`, `syslog+tls://host[:6514]?ca=FILE`, `otlp+http(s)://host[/path]`."""

from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from audit.journal.ship import tls
from audit.journal.ship.delivery import Transport
from audit.journal.ship.otlp import Otlp
from audit.journal.ship.syslog import EXAMPLE_ENTERPRISE, Syslog
from audit.journal.ship.tls import Tls

SYSLOG_TLS_PORT = 6514
TCP, TLS, HTTP, HTTPS = "syslog+tcp", "syslog+tls", "otlp+http", "otlp+https"
PORTS = {TLS: SYSLOG_TLS_PORT, HTTP: 80, HTTPS: 443}


class BadDestination(ValueError):
    """Said without the URL itself, which may hold a secret."""


@dataclass(frozen=True, slots=True)
class Destination:
    """`name` is the URL without its options, which `lag` asks for."""

    name: str
    transport: Transport

    @classmethod
    def parse(cls, url: str, *, headers: str = "") -> "Destination":
        """`headers` go with each OTLP request: `name=value,name=value`, values percent-encoded.
        Raises `BadDestination`."""
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
            port = parts.port or PORTS.get(parts.scheme)
        except ValueError as error:
            raise BadDestination(f"it is not a URL: {error}") from error
        if parts.scheme not in {TCP, *PORTS}:
            raise BadDestination(f"it must start with one of {TCP}://, {', '.join(PORTS)}")
        if not parts.hostname or not port:
            raise BadDestination("it names no host, or no port where there is no usual one")
        if parts.username is not None or parts.fragment:
            raise BadDestination("it may hold no user and no fragment; use headers")
        try:
            transport = _transport(parts, port, options, _headers(headers))
        except (OSError, ValueError) as error:
            raise BadDestination(str(error)) from error
        return cls(f"{parts.scheme}://{parts.hostname}:{port}{parts.path}", transport)


def _transport(
    parts: SplitResult, port: int, options: dict[str, str], headers: dict[str, str]
) -> Transport:
    host = parts.hostname or ""
    is_tls, is_syslog = parts.scheme in {TLS, HTTPS}, parts.scheme in {TCP, TLS}
    known = (tls.OPTIONS if is_tls else set()) | ({"enterprise"} if is_syslog else set())
    if unknown := options.keys() - known:
        raise BadDestination(f"it has no option {', '.join(sorted(unknown))}")
    security = Tls.of(options, host) if is_tls else None
    if is_syslog:
        if parts.path not in {"", "/"}:
            raise BadDestination("a syslog receiver has no path")
        enterprise = int(options.get("enterprise", EXAMPLE_ENTERPRISE))
        return Syslog(host, port, tls=security, enterprise=enterprise)
    path = parts.path if parts.path not in {"", "/"} else "/v1/logs"
    return Otlp(host, port, path=path, tls=security, headers=headers)


def _headers(text: str) -> dict[str, str]:
    pairs = [each.partition("=") for each in text.split(",") if each.strip()]
    headers = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    printable = all(
        each.isascii() and each.isprintable() for pair in headers.items() for each in pair
    )
    if not printable or any(not separator for _, separator, _ in pairs):
        raise BadDestination("headers are name=value, separated by commas, and printable")
    return headers
