"""Takes uploaded files onto the disk, bounded: no client decides how much memory or disk it takes."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import TemporaryFileUploadHandler

# What one form brings along; more fit in several.
MAX_FILES = 5
# Beside the files: what was typed, and the boundaries.
_REST = 1 << 20


def most() -> int:
    """Bytes of one upload with all that is in it."""
    return int(MAX_FILES * settings.ATTACHMENT_MAX_BYTES + _REST)


class BoundedUploadHandler(TemporaryFileUploadHandler):
    """Each file in a temporary file of its own, which goes with the request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._received, self._files = 0, 0

    def handle_raw_input(
        self,
        input_data: Any,  # noqa: ARG002 - Django's signature
        META: dict[str, Any],  # noqa: ARG002, N803
        content_length: int,
        boundary: Any,  # noqa: ARG002
        encoding: Any = None,  # noqa: ARG002
    ) -> None:
        if content_length > most():
            raise RequestDataTooBig(most())

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        self._files += 1
        if self._files > MAX_FILES:
            raise RequestDataTooBig(most())
        super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._received += len(raw_data)
        if self._received > most():
            raise RequestDataTooBig(most())
        super().receive_data_chunk(raw_data, start)
