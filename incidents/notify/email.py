"""Email by SMTP. One message id at every attempt; later words refer to the first, so that mail programs
put them together."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from incidents.notify.message import Envelope, one_line
from incidents.notify.story import Attempt, Story
from portal.lib.resilience import Refused, call

PERMANENT = range(500, 600)
LONGEST_SUBJECT = 200


def payload(envelope: Envelope) -> dict[str, Any]:
    message = envelope.message
    facts = "\n".join(f"{name}: {value}" for name, value in message.facts)
    parts = (facts, envelope.text, message.link, f"Vigil, {settings.ORIGIN}")
    return {
        "from": settings.EMAIL_SENDER,
        "to": envelope.destination,
        "subject": one_line(message.headline)[:LONGEST_SUBJECT],
        "body": "\n\n".join(part for part in parts if part),
    }


def send(envelope: Envelope, story: Story) -> str:
    """The message's id. Raises `Refused` where the server will never take it."""
    shown = payload(envelope)
    host = urlsplit(settings.ORIGIN).hostname
    headers = {"Message-ID": f"<{envelope.id}@{host}>", "Auto-Submitted": "auto-generated"}
    if envelope.thread:
        headers |= {"In-Reply-To": envelope.thread, "References": envelope.thread}

    def attempt(timeout: float) -> str:
        message = EmailMessage(
            shown["subject"], shown["body"], shown["from"], [shown["to"]], headers=headers
        )
        with story.attempt() as tried:
            try:
                _backend(timeout).send_messages([message])
            except OSError as error:
                _judge(error, tried)
                raise
        return headers["Message-ID"]

    return call("smtp", attempt).value


def _backend(timeout: float) -> EmailBackend:
    smtp = settings.SMTP
    if smtp is None:
        raise Refused("VIGIL_SMTP_URL names no mail server")
    return EmailBackend(
        host=smtp.host,
        port=smtp.port,
        username=smtp.username,
        password=smtp.password,
        use_tls=smtp.is_starttls,
        use_ssl=smtp.is_ssl,
        # SMTP takes several turns, each of which may take that long; the whole is cut by the policy.
        timeout=timeout,
    )


def _judge(error: OSError, tried: Attempt) -> None:
    """Raises `Refused` for what the server answered for good, by the codes that its errors carry."""
    recipients: dict[str, tuple[int, bytes]] = getattr(error, "recipients", None) or {}
    codes = [code for code, _ in recipients.values()] or [getattr(error, "smtp_code", 0)]
    tried.status = max(codes) or None
    if all(code in PERMANENT for code in codes):
        raise Refused(f"SMTP {tried.status}: {one_line(str(error))}") from error
