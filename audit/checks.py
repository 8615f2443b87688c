from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from audit.gate import vectors
from audit.ledger import keys
from audit.proofs.errors import ProofError
from audit.protection import unprotected
from audit.witness import config


@register(Tags.security)
def axioms_are_sound(**_kwargs: Any) -> list[CheckMessage]:
    return [
        Error(f"The axioms answer a known question wrongly: {failure}", id="audit.E001")
        for failure in vectors.failures()
    ]


@register(Tags.security)
def witnesses_are_configured(**_kwargs: Any) -> list[CheckMessage]:
    try:
        config.known_logs()
        config.quorum()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="audit.E003")]
    return []


@register(Tags.security)
def earlier_keys_are_keys(**_kwargs: Any) -> list[CheckMessage]:
    try:
        keys.earlier()
    except ProofError as error:
        return [Error(f"VIGIL_LEDGER_EARLIER_KEYS: {error}", id="audit.E004")]
    return []


@register(Tags.database)
def tables_are_protected(
    databases: Sequence[str] | None = None,
    **_kwargs: Any,
) -> list[CheckMessage]:
    """Asked for with `manage.py check --database default`, on a migrated database."""
    if not databases or "audit_governed" not in connection.introspection.table_names():
        return []
    return [Error(line, id="audit.E002") for line in unprotected()]
