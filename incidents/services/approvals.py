"""Puts on an incident's timeline where the requests for approval stand that are about it.

Only what was asked for and where that stands: reasons and arguments are for those who may decide.
"""

from audit.approvals.following import follows_approvals
from audit.approvals.wording import doing
from audit.models import ApprovalRequest
from incidents.models import Incident
from incidents.services.entries import Kind, entry_add

State = ApprovalRequest.State
WORDS = {
    "requested": "Approval requested: {what}. Needed: {needed}.",
    "approved": "Approved: {what} ({given} of {needed}).",
    State.EXECUTED: "Done with approval: {what}.",
    State.DENIED: "Approval denied: {what}.",
    State.WITHDRAWN: "Request for approval withdrawn: {what}.",
    State.EXPIRED: "Approval not given in time: {what}.",
    State.FAILED: "Approved, but no longer possible: {what}.",
}


@follows_approvals
def write_down(asked: ApprovalRequest, step: str) -> None:
    incidents = Incident.objects.filter(pk__in=asked.subjects or ()).order_by("pk")
    # As with every other entry, see `timeline_note`.
    for incident in incidents.select_for_update(of=("self",)):
        given = asked.approvals.filter(is_approved=True).count()
        words = WORDS[step].format(what=doing(asked.action), needed=asked.needed, given=given)
        entry_add(incident, Kind.APPROVAL, words)
