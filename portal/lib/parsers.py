from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from portal.lib import json_input
from portal.lib.body import read_body


class StrictJSONParser(BaseParser):
    """JSON as `json_input` takes it, from a body bounded by `read_body`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],  # noqa: ARG002 - REST framework's signature
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        request = (parser_context or {})["request"]
        return json_input.loads(read_body(request._request))
