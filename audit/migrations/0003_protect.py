from django.db import migrations

GOVERNED = [
    "audit_apitoken",
    "audit_user_groups",
    "audit_user_user_permissions",
    "auth_group",
    "auth_group_permissions",
    "guardian_groupobjectpermission",
    "guardian_userobjectpermission",
]


def protect(table: str, mode: str, ungoverned: str = "{}") -> migrations.RunSQL:
    return migrations.RunSQL(
        f"SELECT audit_protect('{table}', '{mode}', '{ungoverned}')",
        f"SELECT audit_unprotect('{table}')",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_ledger"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
        ("sessions", "0001_initial"),
    ]
    operations = [
        protect("audit_user", "governed", "{last_login}"),
        *[protect(table, "governed") for table in GOVERNED],
        protect("django_session", "ungoverned"),
    ]
