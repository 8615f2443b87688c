"""What is secret by its name or its type: never kept to run later, wherever it stands in a call."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import models

_WORDS = re.compile(
    r"(?:^|_)(?:password|passphrase|passcode|secret|token|code|key|pin|otp|credential)s?(?:_|$)"
)
# Sent in the clear by every detector: what an alert is told apart by.
_NAMES_NO_SECRET = frozenset({"dedup_key"})


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed in secret: it is never printed, and cannot be put up for approval, where
    it would be kept."""

    text: str = field(repr=False)


def names_a_secret(name: str) -> bool:
    return name not in _NAMES_NO_SECRET and _WORDS.search(name) is not None


def kept_in_the_open(service: Callable[..., Any]) -> list[str]:
    """The parameters of a service that would be kept as they are, though named like a secret: all
    that are neither `Typed` nor a row, which is kept by its key."""
    return [
        name
        for name, parameter in inspect.signature(service).parameters.items()
        if names_a_secret(name) and not _is_kept_safe(parameter.annotation)
    ]


def _is_kept_safe(annotation: object) -> bool:
    return annotation is Typed or (
        isinstance(annotation, type) and issubclass(annotation, models.Model)
    )
