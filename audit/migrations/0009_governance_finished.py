"""Where two identical requests for approval wait, withdraw one before this runs."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0008_search"),
    ]

    operations = [
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
