"""A span for each statement that a request or a task asks of the database."""

from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from opentelemetry import trace as otel

from portal.lib import spans
from portal.tracing.statement import described

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


def traced(
    execute: Execute,
    sql: Any,
    params: Any,
    many: bool,  # noqa: FBT001 - Django's signature
    context: dict[str, Any],
) -> Any:
    """An execute wrapper of Django's, which sees parameters beside the statement: here they go by.

    Loops of processes that answer nobody have no span around them, and are not traced.
    """
    if not otel.get_current_span().is_recording():
        return execute(sql, params, many, context)
    # What the driver composes has its values within; its shape is not known before.
    text, summary = described(sql) if isinstance(sql, str) else ("", "SQL")
    attributes = {
        "db.system.name": "postgresql",
        "db.query.text": text,
        "db.query.summary": summary,
        "vigil.dependency": context["connection"].dependency,
    }
    with spans.span(spans.Kind.CLIENT, summary, attributes):
        return execute(sql, params, many, context)


def watch(connection: BaseDatabaseWrapper, **_kwargs: object) -> None:
    """A receiver of `connection_created`, which each thread sends for each of its connections."""
    if traced not in connection.execute_wrappers:
        # First of all, so that who adds one for a while takes away their own.
        connection.execute_wrappers.insert(0, traced)
