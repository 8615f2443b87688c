from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql").read_text()

DROP = """
DROP TABLE audit_event, audit_event_changes, audit_pending, audit_leaf, audit_tile, audit_head,
    audit_checkpoint, audit_change, audit_governed CASCADE;
DROP SEQUENCE audit_event_id_seq, audit_change_seq;
DROP FUNCTION audit_row_digest, audit_capture, audit_refuse_unrecorded, audit_refuse, audit_captured,
    audit_event_append, audit_head_grows, audit_protect, audit_unprotect, audit_ensure_partitions;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_accounts")]
    operations = [migrations.RunSQL(SQL, DROP)]
