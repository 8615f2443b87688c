"""Who is to be told of an incident: channels and people, by the rule of its severity."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.conf import settings

from audit.models import User
from incidents.models import Channel, ContactMethod, Incident, Notification, NotificationRule, Team
from incidents.models.notification import Reason
from incidents.notification_rules import ONLY_WHERE_NAMED, STANDARD, Rule
from incidents.selectors.channels import channels_for, contacts_of, missing, with_secrets


@dataclass(frozen=True, slots=True)
class Addressee:
    """Nobody can be reached where it is not `is_ready`: then the message is shown, and not sent."""

    kind: str
    name: str
    is_ready: bool = False
    channel: Channel | None = None
    contact: ContactMethod | None = None

    @property
    def person(self) -> User | None:
        return self.contact.user if self.contact else None

    @property
    def key(self) -> tuple[str, int | None, int | None, str]:
        name = "" if self.channel or self.contact else self.name
        channel = self.channel.pk if self.channel else None
        return (self.kind, channel, self.contact.pk if self.contact else None, name)


def rule_of(severity: str) -> Rule:
    row = NotificationRule.objects.filter(severity=severity).first()
    if row is None:
        return STANDARD[severity]
    return Rule(
        tuple(row.kinds),
        tells_backup=row.tells_backup,
        tells_people=row.tells_people,
        is_automatic=row.is_automatic,
        escalates=row.escalates,
    )


def addressees(incident: Incident, rule: Rule) -> list[Addressee]:
    """The responsible team's, and the backup's where the rule says so; those that nobody can be
    reached by included."""
    team = responsible(incident)
    backup = team.backup if team and rule.tells_backup else None
    return of_teams([team, backup], rule)


def responsible(incident: Incident) -> Team | None:
    if incident.service_id is None:
        return None
    return Team.objects.select_related("backup").filter(services=incident.service_id).first()


def of_teams(asked: Iterable[Team | None], rule: Rule) -> list[Addressee]:
    """The first team answers: what it has no channel for goes to the shared ones. Others are told by
    channels of their own."""
    first, *others = asked
    teams = [team for team in (first, *others) if team is not None]
    channels = channels_for(teams, {*rule.kinds, "slack"})
    found: list[Addressee] = []
    for kind in rule.kinds:
        of_kind = [channel for channel in channels if channel.kind == kind]
        own = [channel for channel in of_kind if first and channel.team_id == first.pk]
        theirs = [
            channel for channel in of_kind if channel.team_id is not None and channel not in own
        ]
        answering = own or [channel for channel in of_kind if channel.team_id is None]
        found += [_by_channel(channel) for channel in (*answering, *theirs)]
        if not answering and kind not in ONLY_WHERE_NAMED:
            found.append(Addressee(kind, first.name if first else "whoever is on call"))
    if rule.tells_people and teams:
        found += [by_contact(contact, channels) for contact in contacts_of(teams)]
    return list({one.key: one for one in found}.values())


def _by_channel(channel: Channel) -> Addressee:
    return Addressee(channel.kind, channel.name, not missing(channel), channel)


def by_contact(contact: ContactMethod, channels: Iterable[Channel]) -> Addressee:
    """A person's Slack is written to by the bot of one of these channels."""
    if contact.kind == ContactMethod.Kind.SLACK:
        bots = [each for each in channels if each.kind == "slack" and not missing(each)]
        bot = bots[0] if bots else None
        return Addressee(contact.kind, "", bot is not None, bot, contact)
    is_ready = contact.kind != ContactMethod.Kind.EMAIL or settings.SMTP is not None
    return Addressee(contact.kind, "", is_ready, None, contact)


def already_told(incident: Incident) -> list[Addressee]:
    """Everybody who was told of it before, as they can be reached now."""
    told = (
        Notification.objects.filter(
            incident=incident, reason__in=(Reason.NOTIFIED, Reason.ESCALATED)
        )
        .order_by("id")
        .values_list("kind", "addressee", "channel", "contact")
    )
    rows = list(dict.fromkeys(told))
    channels = {
        channel.pk: channel
        for channel in with_secrets(Channel.objects.filter(pk__in=[row[2] for row in rows]))
    }
    contacts = {
        contact.pk: contact
        for contact in ContactMethod.objects.select_related("user").filter(
            pk__in=[row[3] for row in rows if row[3]]
        )
    }
    found = []
    for kind, name, channel_id, contact_id in rows:
        channel, contact = channels.get(channel_id), contacts.get(contact_id)
        if contact is not None:
            one = by_contact(contact, [channel] if channel else [])
            is_in = contact.removed_at is None and contact.user.is_active
            found.append(replace(one, is_ready=one.is_ready and is_in))
        elif channel is not None:
            found.append(replace(_by_channel(channel), name=name))
        else:
            found.append(Addressee(kind, name))
    return list({one.key: one for one in found}.values())
