"""Receipts as clients see them: a detector its own, people those of incidents that they may see."""

import hashlib
import uuid

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.text import slugify

from audit.principal import Principal
from incidents.models import Alert, AlertReceipt, Source
from incidents.selectors.visibility import READ_SCOPES, receipts_visible_to
from portal.lib.errors import NotFound

SEND_SCOPES = {"alerts:write", "admin"}


def source_slug(by: Principal) -> str:
    """The detector that a token speaks for: the one it was issued for, else its own name."""
    digest = hashlib.sha256(by.name.encode()).hexdigest()
    return by.source or slugify(by.name)[:64] or f"source-{digest[:12]}"


def source_of(by: Principal) -> Source:
    """The row of that detector; unsaved where it has not sent anything yet."""
    slug = source_slug(by)
    found = Source.objects.filter(slug=slug).first()
    return found or Source(slug=slug, name=by.source or by.name)


def receipt_get(who: Principal, public_id: uuid.UUID) -> AlertReceipt:
    """Raises `NotFound`, whether there is none or it may not be seen."""
    for rows in (_own(who), _of_visible_incidents(who)):
        found = rows.select_related("source", "alert__incident").filter(public_id=public_id).first()
        if found is not None:
            return found
    raise NotFound


def _own(who: Principal) -> QuerySet[AlertReceipt]:
    if who.scopes is None or not who.scopes & SEND_SCOPES:
        return AlertReceipt.objects.none()
    return AlertReceipt.objects.filter(source__slug=source_slug(who))


def _of_visible_incidents(who: Principal) -> QuerySet[AlertReceipt]:
    if who.scopes is not None and not who.scopes & READ_SCOPES:
        return AlertReceipt.objects.none()
    if who.user is not None:
        return receipts_visible_to(who.user)
    hidden = Alert.objects.filter(
        source=OuterRef("source"), dedup_key=OuterRef("dedup_key"), incident__is_restricted=True
    )
    return AlertReceipt.objects.filter(~Exists(hidden))
