import re
from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).with_suffix(".sql").read_text()
_EARLIER = [
    Path(__file__).with_name(name).read_text() for name in ("0002_ledger.sql", "0011_subjects.sql")
]


def _earlier(function: str, text: str) -> str:
    """How an earlier migration defined a function that this one replaces."""
    found = re.search(
        rf"CREATE FUNCTION {function}\(\).*?^END \$\$;", text, re.DOTALL | re.MULTILINE
    )
    return found[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION") if found else ""


DROP = f"""
{_earlier("audit_ensure_partitions", _EARLIER[0])}
{_earlier("audit_refuse_unless_erased", _EARLIER[1])}
DROP TRIGGER audit_append_only ON audit_event_changes;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_event_changes
FOR EACH ROW EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_event_changes ENABLE ALWAYS TRIGGER audit_append_only;
DROP FUNCTION audit_refuse_unless_dropped();
DROP FUNCTION audit_is_dropped(bigint);
SELECT audit_unprotect('audit_archive');
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0011_subjects")]
    operations = [
        migrations.CreateModel(
            name="Archive",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("partition", models.CharField(max_length=63, unique=True)),
                ("first_id", models.BigIntegerField()),
                ("end_id", models.BigIntegerField(unique=True)),
                ("events", models.BigIntegerField()),
                ("filename", models.CharField(max_length=200)),
                ("sha256", models.CharField(max_length=64)),
                ("checkpoint_size", models.BigIntegerField()),
                ("event_id", models.BigIntegerField()),
                ("sealed_at", models.DateTimeField()),
                ("dropped_event_id", models.BigIntegerField(null=True)),
                ("dropped_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("first_id",),
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("end_id__gt", models.F("first_id"))),
                        name="archive_has_ids",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("dropped_at__isnull", True), ("dropped_event_id__isnull", True)
                        )
                        | models.Q(
                            ("dropped_at__isnull", False), ("dropped_event_id__isnull", False)
                        ),
                        name="archive_dropped_by_an_event",
                    ),
                ],
            },
        ),
        migrations.RunSQL(SQL, DROP),
    ]
