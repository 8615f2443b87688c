from pathlib import Path

import django.contrib.postgres.fields
import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).with_suffix(".sql").read_text()

DROP = """
DROP TABLE audit_search, audit_search_progress CASCADE;
DROP FUNCTION audit_search_document, audit_search_about, audit_ensure_search_partitions;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_changes")]

    operations = [
        migrations.RunSQL(SQL, DROP),
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="audit.event",
                    ),
                ),
                ("at", models.DateTimeField(editable=False)),
                ("document", django.contrib.postgres.search.SearchVectorField(editable=False)),
                (
                    "about",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), editable=False, size=None
                    ),
                ),
            ],
            options={
                "db_table": "audit_search",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SearchProgress",
            fields=[
                ("singleton", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
            ],
            options={
                "db_table": "audit_search_progress",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AuditView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("is_shared", models.BooleanField(default=False)),
                ("params", models.JSONField()),
                ("created_at", models.DateTimeField()),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("name", "id"),
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_shared", True)),
                        fields=["name"],
                        name="audit_view_shared",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("owner", "name"), name="audit_view_one_of_a_name"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True),
                        name="audit_view_has_a_name",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "SELECT audit_protect('audit_auditview', 'governed')",
            "SELECT audit_unprotect('audit_auditview')",
        ),
    ]
