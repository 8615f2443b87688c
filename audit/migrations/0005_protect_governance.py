from django.db import migrations


def protect(table: str, mode: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"SELECT audit_protect('{table}', '{mode}')", f"SELECT audit_unprotect('{table}')"
    )


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_governance")]
    operations = [
        protect("audit_gatelatch", "governed"),
        protect("audit_policyset", "governed"),
        protect("audit_historicalpolicyset", "append_only"),
        protect("audit_approvalrequest", "governed"),
        protect("audit_approval", "governed"),
        migrations.RunSQL(
            "SELECT audit_protect('audit_approval', 'append_only')", migrations.RunSQL.noop
        ),
    ]
