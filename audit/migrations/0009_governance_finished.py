"""Of identical requests for approval one waits on; the others are withdrawn, each on record."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import connection, migrations, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from audit import journal
from audit.approvals.settling import SETTLE
from audit.gate import engine
from audit.gate.types import Request, Resource, Verdict
from audit.ledger.append import draw
from audit.principal import system
from audit.record import Record
from portal.lib.errors import GovernanceDenied

# Who has most approvals waits on; of those, who asked first.
DUPLICATES = """
SELECT id, kept FROM (
    SELECT r.id, first_value(r.id) OVER (
        PARTITION BY requester_id, action, arguments_sha256
        ORDER BY (SELECT count(*) FROM audit_approval a WHERE a.request_id = r.id) DESC,
            requested_at, r.id) AS kept
    FROM audit_approvalrequest r WHERE state = 'pending') AS waiting
WHERE id <> kept ORDER BY id
"""
WITHDRAW = """
UPDATE audit_approvalrequest SET state = 'withdrawn', outcome = %s, decided_at = %s WHERE id = %s
"""


def withdraw_duplicates(_apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    with connection.cursor() as cursor:
        # Nobody asks twice between this and the index.
        cursor.execute("LOCK TABLE audit_approvalrequest IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(DUPLICATES)
        for duplicate, kept in cursor.fetchall():
            _withdraw(duplicate, kept)
        # What is deferred to the end would stand in the way of the index.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _withdraw(duplicate: uuid.UUID, kept: uuid.UUID) -> None:
    """Decided by the gate, meant in the journal, and on record like any other change; but within the
    one transaction of the migration, which a governed call would not be."""
    resource = Resource("audit.approvalrequest", str(duplicate), {"state": "pending"})
    request = Request(system("migration"), SETTLE, resource)
    decision = engine.decide(request)
    if decision.verdict is not Verdict.ALLOW:
        raise GovernanceDenied(decision.reason, [vote.to_json() for vote in decision.votes])
    drawn = draw()
    intent = journal.intent(
        event_id=drawn.id,
        actor=request.principal.recorded,
        action=SETTLE.name,
        target=str(resource),
        verdict=decision.verdict.value,
        policy=decision.policy_digest,
    )
    with connection.cursor() as cursor:
        cursor.execute(WITHDRAW, [f"Asked for twice: {kept} waits on.", drawn.at, duplicate])
    record = Record(drawn, intent, request, decision, SETTLE.event, str(resource))
    record.note(approval=str(duplicate), state="withdrawn", waits_on=str(kept))
    leaf = record.append()
    transaction.on_commit(lambda: intent.committed(event_id=drawn.id, leaf_hash=leaf))


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0008_search"),
    ]

    operations = [
        migrations.RunPython(withdraw_duplicates, migrations.RunPython.noop),
        migrations.CreateModel(
            name="Outage",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("journal", "The journal could not be written"),
                            ("ledger", "The ledger took no event"),
                        ],
                        max_length=10,
                    ),
                ),
                ("writer", models.UUIDField()),
                ("seq", models.BigIntegerField()),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("why", models.TextField()),
                ("refused", models.PositiveIntegerField()),
                ("explained", models.JSONField()),
                ("problems", models.JSONField()),
                ("verified_at", models.DateTimeField()),
                ("reviewed_at", models.DateTimeField(blank=True, null=True)),
                ("review", models.TextField(blank=True)),
            ],
            options={
                "ordering": ("-ended_at",),
                "permissions": [
                    ("review_outage", "Can review a time in which nothing could be recorded")
                ],
                "default_permissions": ("view",),
            },
        ),
        migrations.AddField(
            model_name="approvalrequest",
            name="before",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="approvalrequest",
            name="rules",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="approvalrequest",
            name="subject_sha256",
            field=models.CharField(blank=True, max_length=64, null=True),
        ),
        migrations.AddField(
            model_name="approvalrequest",
            name="subjects",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), blank=True, null=True, size=None
            ),
        ),
        migrations.AlterField(
            model_name="approvalrequest",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "Waiting for approval"),
                    ("executed", "Done"),
                    ("denied", "Declined"),
                    ("withdrawn", "Withdrawn"),
                    ("expired", "Expired"),
                    ("failed", "Could not be done"),
                ],
                default="pending",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="approvalrequest",
            index=models.Index(fields=["-requested_at", "-id"], name="approval_by_time"),
        ),
        migrations.AddConstraint(
            model_name="approvalrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "pending")),
                fields=("requester", "action", "arguments_sha256"),
                name="approval_asked_once",
            ),
        ),
        migrations.AddField(
            model_name="outage",
            name="reviewed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="outages_reviewed",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="outage",
            index=models.Index(fields=["-ended_at", "-id"], name="outage_by_end"),
        ),
        migrations.AddIndex(
            model_name="outage",
            index=models.Index(
                condition=models.Q(("reviewed_at", None)), fields=["id"], name="outage_unreviewed"
            ),
        ),
        migrations.AddConstraint(
            model_name="outage",
            constraint=models.UniqueConstraint(fields=("writer", "seq"), name="outage_found_once"),
        ),
        migrations.AddConstraint(
            model_name="outage",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at__gte", models.F("began_at"))),
                name="outage_ends_after_it_began",
            ),
        ),
        migrations.AddConstraint(
            model_name="outage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reviewed_at__isnull", True), ("reviewed_by__isnull", True)),
                    models.Q(
                        ("reviewed_at__isnull", False),
                        ("reviewed_by__isnull", False),
                        models.Q(("review", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="outage_reviewed_by_somebody_in_words",
            ),
        ),
        migrations.RunSQL(
            "SELECT audit_protect('audit_outage', 'governed')",
            "SELECT audit_unprotect('audit_outage')",
        ),
    ]
