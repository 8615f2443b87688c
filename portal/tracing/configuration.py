"""OpenTelemetry's own variables, read strictly: a bad one stops the start, and is named.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from portal.env import Env

PROTOCOL = "http/protobuf"
HTTP = {"http", "https"}
# Whether it is a share of all traces, and whether the sender's own choice goes first.
SAMPLERS: Mapping[str, tuple[bool, bool]] = MappingProxyType(
    {
        "always_on": (False, False),
        "always_off": (False, False),
        "traceidratio": (True, False),
        "parentbased_always_on": (False, True),
        "parentbased_always_off": (False, True),
        "parentbased_traceidratio": (True, True),
    }
)


@dataclass(frozen=True, slots=True)
class Traces:
    """`ratio` is the share of traces to take. `delay` is seconds between two exports; at most
    `queue` spans wait for one. `tls` are options as those of `VIGIL_JOURNAL_SHIP`."""

    url: str
    headers: Mapping[str, str]
    tls: Mapping[str, str]
    is_compressed: bool
    sampler: str
    ratio: float
    queue: int
    batch: int
    delay: float


def traces(env: Env) -> Traces | None:
    """None where no collector is named. Raises `ImproperlyConfigured`."""
    url = _url(env)
    is_disabled = env.boolean("OTEL_SDK_DISABLED", default=False)
    exporter = env.text("OTEL_TRACES_EXPORTER", "otlp")
    _one_of("OTEL_TRACES_EXPORTER", exporter, ("otlp", "none"))
    if not url or is_disabled or exporter == "none":
        return None
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        _one_of(name, env.values.get(name, "").strip() or PROTOCOL, (PROTOCOL,))
    compression = env.text("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    _one_of("OTEL_EXPORTER_OTLP_COMPRESSION", compression, ("gzip", "none"))
    sampler = env.text("OTEL_TRACES_SAMPLER", "parentbased_always_on")
    _one_of("OTEL_TRACES_SAMPLER", sampler, tuple(SAMPLERS))
    queue = env.integer("OTEL_BSP_MAX_QUEUE_SIZE", 2048, minimum=1, maximum=100_000)
    batch = env.integer("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, minimum=1, maximum=100_000)
    delay = env.integer("OTEL_BSP_SCHEDULE_DELAY", 5000, minimum=10, maximum=600_000)
    return Traces(
        url=url,
        headers=_headers(env.text("OTEL_EXPORTER_OTLP_HEADERS", "none")),
        tls=_tls(env),
        is_compressed=compression == "gzip",
        sampler=sampler,
        ratio=_ratio(env),
        queue=queue,
        batch=min(batch, queue),
        delay=delay / 1000,
    )


def _url(env: Env) -> str:
    """The signal's own variable is taken as it is; the path is added to the common one."""
    if env.values.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip():
        url = env.url("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", schemes=HTTP)
    elif env.values.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip():
        url = f"{env.url('OTEL_EXPORTER_OTLP_ENDPOINT', '', schemes=HTTP).rstrip('/')}/v1/traces"
    else:
        return ""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or port == 0 or parts.username is not None or parts.query:
        msg = (
            "OTEL_EXPORTER_OTLP_ENDPOINT must be like http://collector:4318, without user or query"
        )
        raise ImproperlyConfigured(msg)
    return url


def _headers(text: str) -> dict[str, str]:
    """`name=value,name=value`, values percent-encoded. It may hold a secret, and is not repeated."""
    if text == "none":
        return {}
    pairs = [each.partition("=") for each in text.split(",") if each.strip()]
    found = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    if any(
        not name
        or not separator
        or not f"{name}{unquote(value)}".isascii()
        or not f"{name}{unquote(value)}".isprintable()
        for name, separator, value in pairs
    ):
        msg = "OTEL_EXPORTER_OTLP_HEADERS must be name=value, separated by commas, and printable"
        raise ImproperlyConfigured(msg)
    return found


def _tls(env: Env) -> dict[str, str]:
    named = {
        "ca": env.values.get("OTEL_EXPORTER_OTLP_CERTIFICATE", ""),
        "cert": env.values.get("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", ""),
        "key": env.values.get("OTEL_EXPORTER_OTLP_CLIENT_KEY", ""),
    }
    return {name: value.strip() for name, value in named.items() if value.strip()}


def _ratio(env: Env) -> float:
    raw = env.text("OTEL_TRACES_SAMPLER_ARG", "1.0")
    try:
        ratio = float(raw)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        msg = f"OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not {raw!r}"
        raise ImproperlyConfigured(msg)
    return ratio


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        msg = f"{name} must be one of {', '.join(allowed)}, not {value!r}"
        raise ImproperlyConfigured(msg)
