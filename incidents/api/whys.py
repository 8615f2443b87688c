"""The tree of whys. Each change of it makes the postmortem's next version."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.access import IncidentsView
from incidents.api.inputs import ChangedWhyInput, NewWhyInput, checked
from incidents.api.postmortem import PostmortemShape, WhyShape, answer, written
from incidents.api.writing import HEADERS, Answer, write
from incidents.models import Postmortem, Why
from incidents.postmortem_template import digest
from incidents.services.whys import why_add, why_change, why_remove
from portal.lib.errors import FieldError, NotFound, ValidationFailed


class WhysView(IncidentsView):
    @extend_schema(
        operation_id="incident_why_add",
        request=NewWhyInput,
        responses={201: WhyShape},
        parameters=HEADERS[:1],
    )
    def post(self, request: Request, number: int) -> Response:
        """Answer a why: the first, or one below another answer."""
        postmortem = written(self.incident(number))
        given = checked(NewWhyInput, request)
        parent = None
        if given.get("parent") is not None:
            parent = postmortem.whys.filter(pk=given["parent"]).first()
            if parent is None:
                raise ValidationFailed([FieldError("parent", "There is no such why here.")])
        return write(
            request,
            lambda: why_add(postmortem=postmortem, by=self.by, text=given["text"], parent=parent),
            lambda why: Answer(dict(WhyShape(why).data), 201),
        )


class WhyView(IncidentsView):
    @extend_schema(
        operation_id="incident_why_change",
        request=ChangedWhyInput,
        responses=WhyShape,
        parameters=HEADERS[:1],
    )
    def put(self, request: Request, number: int, pk: int) -> Response:
        """Change what an answer says."""
        postmortem, why = self._why(number, pk)
        given = checked(ChangedWhyInput, request)
        return write(
            request,
            lambda: why_change(
                postmortem=postmortem,
                by=self.by,
                why=why,
                text=given["text"],
                seen=given.get("seen") or digest(why.text),
            ),
            lambda changed: Answer(dict(WhyShape(changed).data)),
        )

    @extend_schema(
        operation_id="incident_why_remove",
        responses=PostmortemShape,
        parameters=HEADERS[:1],
    )
    def delete(self, request: Request, number: int, pk: int) -> Response:
        """Remove an answer that has none below it."""
        postmortem, why = self._why(number, pk)
        return write(
            request, lambda: why_remove(postmortem=postmortem, by=self.by, why=why), answer
        )

    def _why(self, number: int, pk: int) -> tuple[Postmortem, Why]:
        postmortem: Any = written(self.incident(number))
        found = postmortem.whys.filter(pk=pk).first()
        if found is None:
            raise NotFound
        return postmortem, found
