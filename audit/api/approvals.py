"""What waits for approval, for programs that act for a person. Reading takes the scope `audit:read`
where a token asks; answering goes through the gate, which asks a token for `admin`.

As on the pages, a request is seen by who asked and by who may decide, and by nobody else.
"""

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.approvals import selectors, wording
from audit.approvals.services import approval_deny, approval_give, approval_withdraw
from audit.authentication import principal_of
from audit.models import ApprovalRequest, User
from portal.lib.errors import GovernanceDenied


class AnswerSchema(serializers.Serializer[object]):
    approver = serializers.CharField()
    is_approved = serializers.BooleanField()
    reason = serializers.CharField()
    decided_at = serializers.DateTimeField()


class ApprovalSchema(serializers.Serializer[object]):
    id = serializers.UUIDField()
    action = serializers.CharField()
    target = serializers.CharField()
    summary = serializers.CharField(help_text="What would be done, in words.")
    arguments = serializers.JSONField(help_text="What exactly would run.")
    before = serializers.JSONField(help_text="How what it changes stood as it was asked for.")
    rules = serializers.ListField(
        child=serializers.CharField(), help_text="The policies that ask for approval."
    )
    arguments_sha256 = serializers.CharField()
    requester = serializers.CharField()
    reason = serializers.CharField(help_text="Why it needs approval.")
    needed = serializers.IntegerField()
    approved = serializers.IntegerField(help_text="How many have approved.")
    requested_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=ApprovalRequest.State.choices)
    outcome = serializers.CharField()
    page = serializers.URLField()


class ApprovalDetailSchema(ApprovalSchema):
    answers = AnswerSchema(many=True)


class ApprovalListSchema(serializers.Serializer[object]):
    waiting = ApprovalSchema(
        many=True, help_text="Those that expire first come first; 100 at most."
    )
    settled = ApprovalSchema(many=True, help_text="Newest first, 50 at a time.")
    older = serializers.UUIDField(
        allow_null=True, help_text="The `before` of the next page of what is settled."
    )


class AnswerInput(serializers.Serializer[object]):
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, help_text="Needed to deny."
    )


class OlderInput(serializers.Serializer[object]):
    before = serializers.UUIDField(
        required=False, help_text="Only what was asked for before this settled request."
    )


class ActsForSomebody(BasePermission):
    def has_permission(self, request: Request, _view: APIView) -> bool:
        principal = principal_of(request)
        if principal.user is None:
            raise GovernanceDenied("Approvals are people's: the token acts for nobody.")
        if principal.scopes is not None and not principal.scopes & {"audit:read", "admin"}:
            raise GovernanceDenied("The token lacks the scope audit:read.")
        return True


class ApprovalsView(APIView):
    permission_classes = (ActsForSomebody,)

    @property
    def person(self) -> User:
        user = principal_of(self.request).user
        if user is None:
            raise GovernanceDenied
        return user


class ApprovalListView(ApprovalsView):
    @extend_schema(
        operation_id="audit_approvals_list",
        parameters=[OlderInput],
        responses=ApprovalListSchema,
    )
    def get(self, request: Request) -> Response:
        """What waits for approval, and what was settled lately."""
        given = OlderInput(data=request.query_params)
        given.is_valid(raise_exception=True)
        settled = selectors.approvals_settled(
            self.person, before=given.validated_data.get("before")
        )
        waiting = selectors.approvals_waiting(self.person)
        return Response(
            {
                "waiting": [_json(asked, request) for asked in waiting],
                "settled": [_json(asked, request) for asked in settled.requests],
                "older": settled.older,
            }
        )


class ApprovalView(ApprovalsView):
    @extend_schema(operation_id="audit_approvals_retrieve", responses=ApprovalDetailSchema)
    def get(self, request: Request, pk: UUID) -> Response:
        """One request, with who has answered."""
        return _detail(request, self.person, pk)


class ApproveView(ApprovalsView):
    @extend_schema(request=AnswerInput, responses=ApprovalDetailSchema)
    def post(self, request: Request, pk: UUID) -> Response:
        """Approve it. The last approval needed runs it at once: `state` says what came of it."""
        asked = selectors.approval_get(self.person, pk)
        approval_give(asked=asked, by=principal_of(request), reason=_reason(request))
        return _detail(request, self.person, pk)


class DenyView(ApprovalsView):
    @extend_schema(request=AnswerInput, responses=ApprovalDetailSchema)
    def post(self, request: Request, pk: UUID) -> Response:
        """Deny it, which ends it. Takes a reason."""
        asked = selectors.approval_get(self.person, pk)
        approval_deny(asked=asked, by=principal_of(request), reason=_reason(request))
        return _detail(request, self.person, pk)


class WithdrawView(ApprovalsView):
    @extend_schema(request=None, responses=ApprovalDetailSchema)
    def post(self, request: Request, pk: UUID) -> Response:
        """Take back what one asked for oneself."""
        asked = selectors.approval_get(self.person, pk)
        approval_withdraw(asked=asked, by=principal_of(request))
        return _detail(request, self.person, pk)


def _reason(request: Request) -> str:
    given = AnswerInput(data=request.data)
    given.is_valid(raise_exception=True)
    reason: str = given.validated_data.get("reason", "")
    return reason


def _detail(request: Request, user: User, pk: UUID) -> Response:
    asked = selectors.approval_get(user, pk)
    answers = [
        {
            "approver": answer.approver.username,
            "is_approved": answer.is_approved,
            "reason": answer.reason,
            "decided_at": answer.decided_at,
        }
        for answer in asked.approvals.all()
    ]
    return Response({**_json(asked, request), "answers": answers})


def _json(asked: ApprovalRequest, request: Request) -> dict[str, Any]:
    """`asked` comes from the selectors, which count `given`."""
    page = reverse("audit:approval-detail", args=[asked.pk])
    return {
        "id": asked.pk,
        "action": asked.action,
        "target": asked.target,
        "summary": f"{wording.doing(asked.action)}: {wording.target_in_words(asked.target)}",
        "arguments": asked.arguments,
        "before": asked.before or {},
        "rules": asked.rules or [],
        "arguments_sha256": asked.arguments_sha256,
        "requester": asked.requester.username,
        "reason": asked.reason,
        "needed": asked.needed,
        "approved": getattr(asked, "given", 0),
        "requested_at": asked.requested_at,
        "expires_at": asked.expires_at,
        "state": selectors.state_of(asked).value,
        "outcome": asked.outcome,
        "page": request.build_absolute_uri(page),
    }
