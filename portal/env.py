"""Reads the environment (12-factor) into typed values; a bad one is named, never guessed around."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
# What may come from a file instead, named by the variable with `_FILE` behind it.
SECRETS = (
    "SECRET_KEY",
    "DATABASE_URL",
    "DATABASE_REPLICA_URL",
    "VIGIL_FAILOVER_DATABASE_URL",
    "VIGIL_APP_PASSWORD",
    "VIGIL_LEDGER_PASSWORD",
    "VIGIL_SIGNER_PASSWORD",
    "BROKER_URL",
    "CACHE_URL",
    "VIGIL_EMERGENCY_PAGERDUTY_KEY",
    "VIGIL_SMTP_URL",
    "VIGIL_JOURNAL_SHIP_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
)


def with_files(values: Mapping[str, str]) -> dict[str, str]:
    """The variables, with those secrets read that are given as files."""
    found = dict(values)
    for name in SECRETS:
        place = found.get(f"{name}_FILE", "").strip()
        if not place:
            continue
        if found.get(name, "").strip():
            msg = f"{name} and {name}_FILE are both set; one of them has to go"
            raise ImproperlyConfigured(msg)
        try:
            found[name] = Path(place).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{name}_FILE cannot be read: {error}"
            raise ImproperlyConfigured(msg) from None
    return found


class Env:
    """Typed access to one mapping of environment variables."""

    def __init__(self, values: Mapping[str, str] = os.environ) -> None:
        self.values = with_files(values)

    def text(self, name: str, default: str | None = None) -> str:
        value = self.values.get(name, "").strip() or default
        if value is None:
            msg = f"{name} is not set"
            raise ImproperlyConfigured(msg)
        return value

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        raw = self.text(name, str(default))
        try:
            value = int(raw)
        except ValueError:
            msg = f"{name} must be a whole number, not {raw!r}"
            raise ImproperlyConfigured(msg) from None
        if not minimum <= value <= maximum:
            msg = f"{name} must be between {minimum} and {maximum}, not {value}"
            raise ImproperlyConfigured(msg)
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        raw = self.text(name, str(default)).lower()
        if raw not in TRUE | FALSE:
            msg = f"{name} must be true or false, not {raw!r}"
            raise ImproperlyConfigured(msg)
        return raw in TRUE

    def items(self, name: str, default: str = "") -> list[str]:
        return [item.strip() for item in self.text(name, default).split(",") if item.strip()]

    def path(self, name: str, default: Path) -> Path:
        return Path(self.text(name, str(default))).expanduser().resolve()

    def url(self, name: str, default: str | None = None, *, schemes: set[str]) -> str:
        value = self.text(name, default)
        try:
            parts = urlsplit(value)
        except ValueError as error:
            msg = f"{name} is not a URL: {error}"
            raise ImproperlyConfigured(msg) from None
        if parts.scheme not in schemes:
            # The value may hold a password, so it is not repeated here.
            msg = f"{name} must start with one of {', '.join(sorted(s + '://' for s in schemes))}"
            raise ImproperlyConfigured(msg)
        return value


def database(url: str, name: str) -> dict[str, Any]:
    """The Django settings for a libpq URI `postgresql://user:password@host:port/dbname?option=value`.

    A socket directory goes percent-encoded in the host, or as `?host=/directory`, as libpq has it.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        port = str(parts.port or "")
    except ValueError as error:
        msg = f"{name} is not a database URL: {error}"
        raise ImproperlyConfigured(msg) from None
    dbname = unquote(parts.path.lstrip("/"))
    if not dbname:
        msg = f"{name} names no database"
        raise ImproperlyConfigured(msg)
    return {
        "ENGINE": "portal.database",
        "NAME": dbname,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": port,
        "OPTIONS": options,
    }


def replica(primary: dict[str, Any], url: str) -> dict[str, Any]:
    """The Django settings for the primary's replica: another server, all else as there."""
    found = database(url, "DATABASE_REPLICA_URL")
    options = {**primary["OPTIONS"], **found["OPTIONS"]}
    if "pool" in options:
        options["pool"] = dict(options["pool"])
    return {**primary, **found, "OPTIONS": options}
