"""A person's own contact methods. One counts once a code that was sent there has come back.

What a wrong code costs is on record too, and counts: after a few a new test has to be sent.
"""

import re
import secrets
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from audit.governed import governed
from audit.models import User
from audit.principal import Principal
from audit.record import current
from audit.secrecy import Typed
from incidents import actions
from incidents.models import ContactMethod, Notification
from incidents.models.notification import Reason
from incidents.notify.message import Message
from incidents.notify.vault import address_digests, open_code, seal_address, seal_code
from incidents.selectors.addressees import by_contact
from incidents.selectors.channels import channels_for
from incidents.services.telling import tell_test
from portal.lib.errors import Conflict, FieldError, NotFound, RateLimitExceeded, ValidationFailed

Kind = ContactMethod.Kind
MOST, MOST_FAILURES = 10, 5
CODE_LASTS, TEST_AGAIN = timedelta(minutes=15), timedelta(seconds=30)
FORMS = {
    Kind.SLACK: (
        re.compile(r"[UW][A-Z0-9]{6,20}"),
        "Slack shows it under “Copy member ID”: U012AB3CD.",
    ),
    Kind.PAGERDUTY: (
        re.compile(r"[A-Za-z0-9]{32}"),
        "An integration key of 32 letters and digits.",
    ),
}


@governed(actions.ADD_CONTACT, on="contact", is_secret=True)
def contact_add(*, contact: ContactMethod, address: Typed, by: Principal) -> ContactMethod:
    """`contact` is unsaved: whose it is, and of which kind."""
    _own(contact, by)
    text = _checked(contact.kind, address.text.strip())
    mine = ContactMethod.objects.filter(user=contact.user, removed_at=None)
    # Two at once by the same person would pass the limit together.
    User.objects.select_for_update().get(pk=contact.user_id)
    if mine.count() >= MOST:
        message = f"{MOST} contact methods are enough; remove one first."
        raise Conflict(message)
    if mine.filter(kind=contact.kind, address_digest__in=address_digests(contact.kind, text)):
        raise Conflict("You have this one already.")
    seal_address(contact, text)
    contact.added_at = current().at
    contact.save()
    current().note(kind=contact.kind)
    return contact


@governed(actions.TEST_CONTACT, on="contact")
def contact_test(*, contact: ContactMethod, by: Principal) -> Notification:
    """Sends a message with a new code, which `contact_confirm` asks for."""
    locked = _locked(contact, by)
    at = current().at
    if locked.code_sent_at and at - locked.code_sent_at < TEST_AGAIN:
        wait = TEST_AGAIN - (at - locked.code_sent_at)
        message = "The last test was sent just now."
        raise RateLimitExceeded(message, retry_after=max(1, round(wait.total_seconds())))
    teams = list(locked.user.teams.all())
    one = by_contact(locked, channels_for(teams, ["slack"]))
    locked.sealed_code = seal_code(locked, f"{secrets.randbelow(10**6):06}")
    locked.code_sent_at, locked.code_failures = at, 0
    locked.save()
    current().note(kind=locked.kind)
    message_ = Message(
        reason=Reason.TEST.value,
        label=Reason.TEST.label,
        title="Test of your contact method from Vigil",
        text="Nothing is wrong. Enter the code under “My contact methods”.",
        link=f"{settings.ORIGIN}/contact-methods/",
        at=at.isoformat(),
    )
    return tell_test(one, message_, f"test-{current().id}")


@governed(actions.CONFIRM_CONTACT, on="contact")
def contact_confirm(*, contact: ContactMethod, code: Typed, by: Principal) -> bool:
    """Whether it is the code that was sent. A wrong one is on record, and counts."""
    locked = _locked(contact, by)
    if locked.sealed_code is None or locked.code_sent_at is None:
        raise Conflict("Send a test first.")
    if current().at - locked.code_sent_at > CODE_LASTS or locked.code_failures >= MOST_FAILURES:
        raise Conflict("This code is no longer taken. Send another test.")
    given = "".join(code.text.split())
    if not secrets.compare_digest(given.encode(), open_code(locked).encode()):
        locked.code_failures += 1
        locked.save(update_fields=["code_failures"])
        current().note(confirmed=False)
        return False
    digests = [bytes(locked.address_digest)]
    others = ContactMethod.objects.filter(
        kind=Kind.SLACK, address_digest__in=digests, removed_at=None, verified_at__isnull=False
    ).exclude(pk=locked.pk)
    if locked.kind == Kind.SLACK and others.exists():
        raise Conflict("Somebody else has confirmed this Slack account as theirs.")
    locked.verified_at, locked.sealed_code = current().at, None
    locked.save()
    current().note(kind=locked.kind, confirmed=True)
    return True


@governed(actions.REMOVE_CONTACT, on="contact")
def contact_remove(*, contact: ContactMethod, by: Principal) -> None:
    wipe(_locked(contact, by))
    current().note(kind=contact.kind)


def wipe(contact: ContactMethod) -> None:
    """Within the running governed call. The row stays for the deliveries that name it."""
    contact.sealed_address = contact.address_digest = b""
    contact.sealed_code = contact.code_sent_at = None
    contact.removed_at = current().at
    contact.save()


def _locked(contact: ContactMethod, by: Principal) -> ContactMethod:
    _own(contact, by)
    locked = (
        ContactMethod.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(pk=contact.pk, removed_at=None)
        .first()
    )
    if locked is None:
        raise NotFound
    return locked


def _own(contact: ContactMethod, by: Principal) -> None:
    if by.user is None or contact.user_id != by.user.pk:
        raise NotFound


def _checked(kind: str, text: str) -> str:
    if kind == Kind.EMAIL:
        try:
            validate_email(text)
        except ValidationError as error:
            raise ValidationFailed([FieldError("address", "This is no email address.")]) from error
        return text
    if kind not in FORMS:
        raise ValidationFailed([FieldError("kind", "There is no such kind.")])
    form, hint = FORMS[Kind(kind)]
    if not form.fullmatch(text):
        raise ValidationFailed([FieldError("address", hint)])
    return text
