"""How the API describes itself (OpenAPI): shapes that the views answer with, and ways to sign in."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import serializers

from audit.gate.types import Verdict

VERDICTS = [str(verdict) for verdict in Verdict]


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # its metaclass
    target_class = "audit.authentication.BearerTokenAuthentication"
    name = "bearerToken"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "vgl_…"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # its metaclass
    target_class = "audit.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class VoteSchema(serializers.Serializer[object]):
    voter = serializers.CharField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    reason = serializers.CharField()


class EntrySchema(serializers.Serializer[object]):
    id = serializers.IntegerField()
    event = serializers.CharField()
    timestamp = serializers.DateTimeField()
    actor = serializers.CharField(help_text="A person as the commitment to them, `user:~…`.")
    actor_type = serializers.ChoiceField(choices=["user", "token", "system"])
    action = serializers.CharField()
    target = serializers.CharField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    reason = serializers.CharField()
    votes = VoteSchema(many=True)
    policy = serializers.CharField(help_text="SHA-256 of the rules that were judged by.")
    trace_id = serializers.CharField()
    data = serializers.JSONField()  # type: ignore[assignment] # a field of that name
    changes = serializers.JSONField(
        help_text="The rows that changed, each `{op, pk, seq, sha256, table}`; of more than 64,"
        " `{count, sha256}` of that list."
    )


class LinksSchema(serializers.Serializer[object]):
    self = serializers.URLField()
    proof = serializers.URLField(help_text="C2SP tlog-proof, once a checkpoint covers the event.")
    page = serializers.URLField()


class EventSchema(serializers.Serializer[object]):
    actor = serializers.CharField(help_text="Like `user:ada`; `user:erased-~…` once erased.")
    people = serializers.DictField(
        child=serializers.CharField(), help_text="Who is behind each commitment in the entry."
    )
    sealed = serializers.DictField(
        help_text="What is sealed in the entry, by its place, like `data.asked.context.address`."
    )
    entry = EntrySchema()
    leaf_hash = serializers.CharField(help_text="64 hexadecimal digits.")
    index = serializers.IntegerField(
        allow_null=True, help_text="The leaf's number in the log; null for a moment, at first."
    )
    links = LinksSchema()


class EventListSchema(serializers.Serializer[object]):
    results = EventSchema(many=True)
    next = serializers.URLField(allow_null=True, help_text="The older ones.")
    previous = serializers.URLField(allow_null=True, help_text="The newer ones.")
