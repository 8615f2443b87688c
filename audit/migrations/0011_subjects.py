import re
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).with_suffix(".sql").read_text()
_SEARCH = Path(__file__).with_name("0008_search.sql").read_text()
_ABOUT = re.search(
    r"CREATE (FUNCTION audit_search_about.*?^\$\$;)", _SEARCH, re.DOTALL | re.MULTILINE
)
DROP = f"""
CREATE OR REPLACE {_ABOUT[1] if _ABOUT else ""}
SELECT audit_unprotect('audit_erasure');
DROP FUNCTION audit_shred(text);
DROP TABLE audit_sealed;
DROP FUNCTION audit_refuse_unless_erased();
DROP TRIGGER audit_user_stays_itself ON audit_user;
DROP FUNCTION audit_user_stays_itself();
DROP INDEX audit_user_subject;
DROP FUNCTION audit_subject(bytea, text);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0010_second_factor")]
    operations = [
        migrations.CreateModel(
            name="Sealed",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "event_id",
                        "field",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("event_id", models.BigIntegerField()),
                ("field", models.TextField()),
                ("subject", models.TextField()),
                ("ciphertext", models.BinaryField()),
            ],
            options={"db_table": "audit_sealed", "managed": False, "default_permissions": ()},
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subject", models.CharField(max_length=40, unique=True)),
                ("event_id", models.BigIntegerField(unique=True)),
                ("erased_at", models.DateTimeField()),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasure",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ("-erased_at",), "default_permissions": ()},
        ),
        migrations.RunSQL(SQL, DROP),
    ]
