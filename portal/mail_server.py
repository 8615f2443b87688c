"""Where email goes out, and into which networks notifications may, from the environment."""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from portal.env import Env

PORTS = {"smtp": 587, "smtps": 465}
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Smtp:
    """Either kind of TLS, or none where `tls=none` says so."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    is_starttls: bool
    is_ssl: bool


def mail_server(env: Env) -> Smtp | None:
    """`VIGIL_SMTP_URL`, `smtp://user:password@host:587` or `smtps://…`. None where there is none."""
    if not env.values.get("VIGIL_SMTP_URL", "").strip():
        return None
    parts = urlsplit(env.url("VIGIL_SMTP_URL", schemes=set(PORTS)))
    options = parse_qs(parts.query)
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError:
        port = 0
    tls = options.pop("tls", ["on"])[-1]
    if not parts.hostname or not port or options or tls not in {"on", "none"}:
        msg = (
            "VIGIL_SMTP_URL must be like smtp://user:password@host:587, with no option but tls=none"
        )
        raise ImproperlyConfigured(msg)
    is_ssl = parts.scheme == "smtps"
    return Smtp(
        host=parts.hostname,
        port=port,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        is_starttls=not is_ssl and tls == "on",
        is_ssl=is_ssl,
    )


def networks(env: Env, name: str) -> list[Network]:
    try:
        return [ipaddress.ip_network(each) for each in env.items(name)]
    except ValueError as error:
        msg = f"{name} is no list of networks like 10.1.0.0/16: {error}"
        raise ImproperlyConfigured(msg) from None
