"""The wire formats by name: a new one is a module with a `parse`, and a line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from incidents.ingest import alertmanager, native
from incidents.ingest.types import NormalizedAlert

# Raises `ValidationFailed`, and nothing else, for any bytes that are not of the format.
Parser: TypeAlias = Callable[[bytes], list[NormalizedAlert]]

FORMATS: Mapping[str, Parser] = MappingProxyType(
    {
        "native": native.parse,
        "alertmanager": alertmanager.parse,
    }
)
