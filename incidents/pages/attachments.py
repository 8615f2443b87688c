"""Gives attached files out: only to be saved, but for images, which may be shown."""

from typing import Any

from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase

from incidents.models import Attachment
from incidents.pages.base import Page
from incidents.selectors.timeline import attachment_get
from incidents.services.attachments import attachment_open
from portal.lib.errors import NotFound

# Also where a browser opens it by itself, nothing in it runs, loads, or sees this site.
SANDBOX = "default-src 'none'; sandbox"


def sent(attachment: Attachment, *, is_shown: bool = False) -> FileResponse:
    """Raises `AttachmentBroken` before the first byte."""
    response = FileResponse(
        attachment_open(attachment),
        as_attachment=not is_shown,
        filename=attachment.name,
        content_type=attachment.media_type,
    )
    response.headers["Content-Length"] = str(attachment.size)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


class AttachmentFile(Page):
    is_shown = False

    def get(self, _request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        found = attachment_get(self.user, kwargs["number"], kwargs["attachment"])
        if self.is_shown and not found.is_image:
            raise NotFound
        return sent(found, is_shown=self.is_shown)


class AttachmentImage(AttachmentFile):
    is_shown = True
