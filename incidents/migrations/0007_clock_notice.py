import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0005_restriction"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClockNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("percent", models.PositiveSmallIntegerField()),
                ("due_at", models.DateTimeField()),
                ("noticed_at", models.DateTimeField()),
                (
                    "leg",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="incidents.clockleg",
                    ),
                ),
            ],
            options={
                "ordering": ("leg", "percent"),
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("leg", "percent"), name="clock_notice_once"),
                    models.CheckConstraint(
                        condition=models.Q(("percent__gte", 1), ("percent__lte", 100)),
                        name="clock_notice_percent",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("noticed_at__gte", models.F("due_at"))),
                        name="clock_notice_not_early",
                    ),
                ],
            },
        ),
        *(
            migrations.RunSQL(f"SELECT audit_protect('incidents_clocknotice', '{mode}')", undone)
            for mode, undone in (
                ("governed", "SELECT audit_unprotect('incidents_clocknotice')"),
                ("append_only", migrations.RunSQL.noop),
            )
        ),
    ]
