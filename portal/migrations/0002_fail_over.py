from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_system_health")]
    operations = [
        migrations.AlterModelOptions(
            name="systemhealth",
            options={
                "managed": False,
                "default_permissions": (),
                "permissions": [
                    ("view_systemhealth", "Can see the health of the system"),
                    ("close_breaker", "Can close a circuit breaker by force"),
                    ("fail_over_database", "Can make the replica the database"),
                ],
            },
        ),
    ]
