"""The postmortem as a file, for those who see its page."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from incidents.export import markdown, pdf
from incidents.export.document import gather
from incidents.pages.postmortem import OfPostmortem


class PostmortemMarkdown(OfPostmortem):
    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        text = markdown.write(gather(self.incident, self.written()))
        return self._file(text.encode(), "text/markdown; charset=utf-8", "md")

    def _file(self, content: bytes, kind: str, ending: str) -> HttpResponse:
        response = HttpResponse(content, content_type=kind)
        name = f"{self.incident.number}-postmortem.{ending}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


class PostmortemPdf(PostmortemMarkdown):
    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self._file(
            pdf.write(gather(self.incident, self.written())), "application/pdf", "pdf"
        )
