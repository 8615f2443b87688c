"""Teams, channels and people for tests of notification, made as administrators make them."""

from typing import Any

from audit.models import User
from audit.principal import person
from audit.rows import row_save
from audit.secrecy import Typed
from incidents.models import Channel, ContactMethod, Incident, Notification, Service, Team
from incidents.notify.vault import open_code
from incidents.services.channels import channel_secret_set
from incidents.services.contacts import contact_add, contact_confirm, contact_test
from tests.fakes import jira, slack
from tests.people import TESTS, Cast

ROUTING_KEY = "k" * 32
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = {
    "pagerduty": {"routing key": ROUTING_KEY},
    "slack": {"bot token": slack.TOKEN, "signing secret": slack.SECRET},
    "jira": {"API token": jira.TOKEN},
    "webhook": {"signing secret": WEBHOOK_SECRET},
    "email": {},
}
FIELDS = {
    "slack": {"destination": "C012AB3CD"},
    "jira": {"destination": "OPS", "account": jira.ACCOUNT},
    "email": {"destination": "oncall@example.org"},
}


def team(name: str = "Checkout", *members: User, backup: Team | None = None) -> Team:
    made = Team(slug=name.lower(), name=name, backup=backup)
    row_save(instance=made, many_to_many={"members": [user.pk for user in members]}, by=TESTS)
    return made


def channel(kind: str, cast: Cast, **fields: Any) -> Channel:
    """With all that it needs, its secrets included."""
    fields = {"name": f"{kind} channel", **FIELDS.get(kind, {}), **fields}
    made = Channel(kind=kind, **fields)
    row_save(instance=made, by=TESTS)
    for name, secret in SECRETS[kind].items():
        by = person(cast.administrator)
        channel_secret_set(channel=made, name=name, secret=Typed(secret), by=by)
    return made


def service(of: Team, slug: str = "checkout") -> Service:
    made = Service(slug=slug, name=slug.title(), team=of)
    row_save(instance=made, by=TESTS)
    return made


def contact(user: User, kind: str, address: str) -> ContactMethod:
    """One that is confirmed."""
    by = person(user)
    made = contact_add(contact=ContactMethod(user=user, kind=kind), address=Typed(address), by=by)
    contact_test(contact=made, by=by)
    made.refresh_from_db()
    assert contact_confirm(contact=made, code=Typed(open_code(made)), by=by)
    made.refresh_from_db()
    return made


def told(incident: Incident | None = None) -> list[tuple[str, str, str]]:
    """(reason, kind, state) of each, oldest first; without tests of contact methods."""
    rows = (
        Notification.objects.filter(incident=incident)
        if incident
        else (Notification.objects.exclude(incident=None))
    )
    return list(rows.order_by("id").values_list("reason", "kind", "state"))
