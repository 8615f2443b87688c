from pathlib import Path

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from incidents.procedure import TRANSITIONS

SQL = Path(__file__).with_suffix(".sql").read_text()
DROP = """
DROP TRIGGER incident_follows_procedure ON incidents_incident;
DROP FUNCTION incidents_follow_procedure;
DROP TRIGGER receipt_is_kept ON incidents_alertreceipt;
DROP FUNCTION incidents_receipt_is_kept;
SELECT audit_unprotect(format('public.%I', table_name)::regclass) FROM audit_governed
    WHERE table_name LIKE 'incidents\\_%';
SELECT audit_unprotect(format('public.%I', relname)::regclass) FROM pg_class
    WHERE relkind = 'r' AND relname LIKE 'incidents\\_historical%';
"""


def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The table as `procedure.py` has it; a change there comes with a migration that calls this again."""
    ProcedureTransition = apps.get_model("incidents", "ProcedureTransition")
    ProcedureTransition.objects.all().delete()
    ProcedureTransition.objects.bulk_create(
        ProcedureTransition(name=t.name, source=t.source, target=t.target, severity=severity)
        for t in TRANSITIONS
        for severity in t.severities
    )


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_initial"), ("audit", "0003_protect")]
    operations = [
        migrations.RunSQL(SQL, DROP),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
