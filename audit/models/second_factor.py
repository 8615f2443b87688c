from django.conf import settings
from django.db import models


class SecondFactor(models.Model):
    """A person's authenticator app. It counts once a first code has confirmed it, which is when
    `User.second_factor_since` is set.

    `last_step` is the newest time step of which a code was accepted: no code is accepted twice.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="second_factor"
    )
    sealed_secret = models.BinaryField(editable=False)
    begun_at = models.DateTimeField()
    last_step = models.BigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Second factor of {self.user}"


class RecoveryCode(models.Model):
    """Signs in once where the app is lost. Only a keyed digest of it is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recovery_codes"
    )
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Recovery code of {self.user}"
