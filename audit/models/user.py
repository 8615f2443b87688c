import secrets
import zoneinfo

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models


def validate_time_zone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        msg = f"{value} is not a time zone like Europe/Zurich"
        raise ValidationError(msg)


def new_salt() -> bytes:
    return secrets.token_bytes(16)


class User(AbstractUser):
    """A person. The salt keeps the row's digest in the ledger from giving anything away."""

    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    # Since when a code of the authenticator app is part of signing in.
    second_factor_since = models.DateTimeField(null=True, blank=True, editable=False)
    salt = models.BinaryField(max_length=16, default=new_salt, editable=False)

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    def check_password(self, raw_password: str | None) -> bool:
        """Django's own saves a stronger hash as it checks: a change that nobody decided."""
        return check_password(raw_password, self.password)
