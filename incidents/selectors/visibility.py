"""Who sees what: the one place that every page, list, count and export asks."""

from django.db.models import BigIntegerField, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission

from audit.approvals.visibility import restricts
from audit.models import User
from audit.principal import Principal
from incidents.models import Alert, AlertReceipt, Incident
from incidents.models.incident import RESTRICTED
from portal.lib.errors import NotFound

VIEW = "incidents.view_incident"
VIEW_RECEIPTS = "incidents.view_alertreceipt"
READ_SCOPES = {"incidents:read", "admin"}
LETS_IN = {
    "permission__codename": RESTRICTED.partition(".")[2],
    "permission__content_type__app_label": "incidents",
    "permission__content_type__model": "incident",
}


def incidents_visible_to(who: User | Principal) -> QuerySet[Incident]:
    """The incidents that somebody may know of. Restricted ones only to those let in to each.

    A token sees no more than the person that it acts for; one that acts for nobody, nothing
    restricted. The product's own processes see all.
    """
    if isinstance(who, Principal):
        if who.kind == "system":
            return Incident.objects.all()
        if who.scopes is not None and not who.scopes & READ_SCOPES:
            return Incident.objects.none()
        if who.user is None:
            return Incident.objects.filter(is_restricted=False)
        who = who.user
    if not who.is_active or not who.has_perm(VIEW):
        return Incident.objects.none()
    if who.is_superuser:
        return Incident.objects.all()
    return Incident.objects.filter(is_visible(who))


def receipts_visible_to(user: User) -> QuerySet[AlertReceipt]:
    """Without those of any alert that ever belonged to an incident hidden from the person."""
    if not user.is_active or not user.has_perm(VIEW_RECEIPTS):
        return AlertReceipt.objects.none()
    if user.is_superuser:
        return AlertReceipt.objects.all()
    hidden = Alert.objects.filter(
        ~is_visible(user, "incident__"),
        source=OuterRef("source"),
        dedup_key=OuterRef("dedup_key"),
        incident__is_restricted=True,
    )
    return AlertReceipt.objects.filter(~Exists(hidden))


def incident_get(who: User | Principal, pk: int) -> Incident:
    """Raises `NotFound`, whether there is none or it may not be seen."""
    found = incidents_visible_to(who).select_related("service").filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def is_visible(user: User, prefix: str = "") -> Q:
    let_in = [
        rows.values(granted=Cast("object_pk", BigIntegerField()))
        for rows in (
            UserObjectPermission.objects.filter(user=user, **LETS_IN),
            GroupObjectPermission.objects.filter(group__user=user, **LETS_IN),
        )
    ]
    visible = Q((f"{prefix}is_restricted", False))
    for granted in let_in:
        visible |= Q((f"{prefix}pk__in", granted))
    return visible


def _hidden_from(user: User) -> QuerySet[Incident]:
    if user.is_superuser:
        return Incident.objects.none()
    return Incident.objects.filter(~is_visible(user), is_restricted=True)


# Requests for approval that are about an incident are seen by those who may see it.
restricts(Incident, _hidden_from)
