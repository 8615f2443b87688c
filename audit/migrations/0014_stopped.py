from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).with_suffix(".sql").read_text()
DROP = """
DROP TRIGGER audit_count_stopped ON audit_event;
DROP TABLE audit_stopped, audit_stopped_since;
DROP FUNCTION audit_count_stopped();
DROP FUNCTION audit_stopped_by(bytea);
DROP FUNCTION audit_stopped_counts();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0012_retention")]
    operations = [
        migrations.AlterField(
            model_name="outage",
            name="source",
            field=models.CharField(
                choices=[
                    ("journal", "The journal could not be written"),
                    ("ledger", "The ledger took no event"),
                    ("database", "The database could not be reached"),
                ],
                max_length=10,
            ),
        ),
        migrations.RunSQL(SQL, DROP),
        migrations.CreateModel(
            name="Stopped",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "axiom",
                        "shard",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("axiom", models.TextField()),
                ("shard", models.SmallIntegerField()),
                ("times", models.BigIntegerField()),
            ],
            options={"db_table": "audit_stopped", "managed": False, "default_permissions": ()},
        ),
        migrations.CreateModel(
            name="StoppedSince",
            fields=[
                (
                    "singleton",
                    models.BooleanField(default=True, primary_key=True, serialize=False),
                ),
                ("since", models.DateTimeField()),
            ],
            options={
                "db_table": "audit_stopped_since",
                "managed": False,
                "default_permissions": (),
            },
        ),
    ]
