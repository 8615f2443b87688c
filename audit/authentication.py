"""How an API request says who it is: a bearer token, also as a Basic password, or a session."""

import base64
import binascii

from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from audit.models import ApiToken, User
from audit.models.token import secret_digest
from audit.principal import Principal, client, person


class Client:
    """Stands where Django wants a user, for a token that acts for nobody."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False
    pk = None

    def __init__(self, name: str) -> None:
        self.username = name

    def has_perm(self, _permission: str, _obj: object = None) -> bool:
        return False

    def __str__(self) -> str:
        return self.username


def token_for(secret: str) -> ApiToken | None:
    """The live token with this secret. Found by digest: timing tells nothing about the secret."""
    return (
        ApiToken.objects.select_related("user")
        .filter(digest=secret_digest(secret), revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
        .filter(Q(user=None) | Q(user__is_active=True))
        .first()
    )


class BearerTokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer vgl_…`; also Basic, since many detectors know nothing else."""

    def authenticate(self, request: Request) -> tuple[User | Client, Principal] | None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            secret = value.strip()
        elif scheme.lower() == "basic":
            secret = basic_password(value)
        else:
            return None
        token = token_for(secret)
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        return token.user or Client(token.name), client(token)

    def authenticate_header(self, _request: Request) -> str:
        return "Bearer"


def basic_password(value: str) -> str:
    """The password of a Basic credential; empty where the header is not one."""
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's own, CSRF check included."""

    def authenticate_header(self, _request: Request) -> str:
        return "Bearer"


def principal_of(request: HttpRequest | Request) -> Principal:
    """Who asks. Raises `AuthenticationFailed` for nobody."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, Principal):
        return auth
    if isinstance(request.user, User):
        return person(request.user)
    raise AuthenticationFailed
