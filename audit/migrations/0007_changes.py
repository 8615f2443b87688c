import re
from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql").read_text()


def before() -> str:
    """The function as it was first made."""
    first = Path(__file__).with_name("0002_ledger.sql").read_text()
    [found] = re.findall(r"CREATE FUNCTION audit_event_append\(\).+?END \$\$;", first, re.DOTALL)
    return found.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_signer")]
    operations = [migrations.RunSQL(SQL, before())]
