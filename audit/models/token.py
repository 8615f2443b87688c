import hashlib
import secrets

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

SCOPES = (
    "alerts:write",
    "logs:write",
    "incidents:read",
    "incidents:write",
    "audit:read",
    "forensics:request",
    "forensics:approve",
    "forensics:read",
    "rollbacks:write",
    "status:write",
    "admin",
)


def new_secret() -> str:
    """`vgl_` and 43 URL-safe characters, 256 random bits."""
    return f"vgl_{secrets.token_urlsafe(32)}"


def secret_digest(secret: str) -> bytes:
    """A plain SHA-256: the secret has 256 random bits, so there is nothing to stretch."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class ApiToken(models.Model):
    """A secret that a client sends; only its digest is kept. Looked up by digest, so that the time a
    lookup takes says nothing about the secret."""

    name = models.CharField(max_length=100, unique=True)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=[(s, s) for s in SCOPES]))
    source = models.SlugField(
        max_length=64, blank=True, help_text="The detector whose alerts this token may send."
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="api_tokens",
        help_text="The person the token acts for; it can never do more than they may.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # When it was issued, where whoever issued it had confirmed a second factor.
    second_factor_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="api_token_expires_after_created",
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=list(SCOPES)) & ~Q(scopes=[]),
                name="api_token_scopes_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name
