from django.db import migrations, models

# Every process renews its own row; nobody deletes one. `INSERT … ON CONFLICT` reads what it replaces.
GRANT = "GRANT SELECT, INSERT, UPDATE ON portal_heartbeat TO vigil_app, vigil_ledger, vigil_signer"
REVOKE = "REVOKE ALL ON portal_heartbeat FROM vigil_app, vigil_ledger, vigil_signer"


class Migration(migrations.Migration):
    dependencies = [("portal", "0002_fail_over")]
    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("role", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("instance", models.CharField(max_length=300)),
                ("beat_at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunSQL(GRANT, REVOKE),
    ]
