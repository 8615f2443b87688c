"""Structured logs: one JSON object a line on standard error, each with its trace id."""

from typing import Any

import structlog

from portal.lib import spans
from portal.lib.trace import trace_id


def _add_trace(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if current := trace_id():
        event.setdefault("trace_id", current)
        if span := spans.span_id():
            event.setdefault("span_id", span)
    return event


_SHARED: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_trace,
    structlog.processors.format_exc_info,
]


def logging_config(level: str) -> dict[str, Any]:
    """The `LOGGING` setting; also points structlog at the standard library's handlers."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Requests are counted and traced elsewhere; a 4xx is not a warning of ours.
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "ERROR"},
        },
    }
