"""Channels and contact methods, and whether they can be used as they are."""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Now

from incidents.models import Channel, ChannelSecret, ContactMethod, Team
from incidents.notify.clients import CLIENTS
from incidents.notify.vault import address_digests

_IN_FORCE = Q(retires_at=None) | Q(retires_at__gt=Now())


def with_secrets(channels: QuerySet[Channel]) -> QuerySet[Channel]:
    """With those in force as `kept`, the newest first."""
    kept = ChannelSecret.objects.filter(_IN_FORCE).order_by("-id")
    return channels.prefetch_related(Prefetch("secrets", kept, to_attr="kept"))


def missing(channel: Channel) -> list[str]:
    """What it lacks to be sent by, in words; empty where it is ready. Needs `with_secrets`."""
    client = CLIENTS[channel.kind]
    names = {secret.name for secret in channel.kept}  # type: ignore[attr-defined] # prefetched
    found = [field for field in client.needs if not getattr(channel, field)]
    found += [
        f"the {name}"
        for name, secret in client.secrets.items()
        if secret.is_needed and name not in names
    ]
    if channel.kind == "email" and settings.SMTP is None:
        found.append("a mail server (VIGIL_SMTP_URL)")
    if not channel.is_enabled:
        found.append("to be in use")
    return found


def channels_for(teams: Iterable[Team], kinds: Iterable[str]) -> list[Channel]:
    """Those in use of these kinds, of these teams or shared."""
    wanted = Q(team__in=[team.pk for team in teams]) | Q(team=None)
    found = Channel.objects.filter(wanted, kind__in=list(kinds), is_enabled=True)
    return list(with_secrets(found.order_by("id")))


def contacts_of(teams: Iterable[Team]) -> QuerySet[ContactMethod]:
    """The confirmed methods of their members."""
    return (
        ContactMethod.objects.filter(
            user__teams__in=[team.pk for team in teams],
            user__is_active=True,
            verified_at__isnull=False,
            removed_at=None,
        )
        .select_related("user")
        .distinct()
        .order_by("id")
    )


def contact_of_slack_user(slack_id: str) -> ContactMethod | None:
    """Whose Slack account it is, where they have confirmed that."""
    return (
        ContactMethod.objects.filter(
            kind=ContactMethod.Kind.SLACK,
            address_digest__in=address_digests(ContactMethod.Kind.SLACK, slack_id),
            verified_at__isnull=False,
            removed_at=None,
            user__is_active=True,
        )
        .select_related("user")
        .first()
    )
