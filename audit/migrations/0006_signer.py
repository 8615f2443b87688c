from django.db import migrations

# Who sequences no longer signs: the two hold each other in check.
GRANT = """
REVOKE INSERT ON audit_checkpoint FROM vigil_ledger;
GRANT SELECT ON audit_event, audit_leaf, audit_tile, audit_head, audit_checkpoint TO vigil_signer;
GRANT INSERT ON audit_checkpoint TO vigil_signer;
"""
REVOKE = """
REVOKE ALL ON audit_event, audit_leaf, audit_tile, audit_head, audit_checkpoint FROM vigil_signer;
GRANT INSERT ON audit_checkpoint TO vigil_ledger;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_protect_governance")]
    operations = [migrations.RunSQL(GRANT, REVOKE)]
