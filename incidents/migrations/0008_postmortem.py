"""Whys and action items become rows; what was one text is carried over, on record."""

from pathlib import Path

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import connection, migrations, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.utils import timezone

from audit import journal
from audit.gate import engine
from audit.gate.types import Request, Resource, Verdict
from audit.ledger.append import draw
from audit.principal import system
from audit.record import Record
from incidents import carried_over
from incidents.actions import CARRY_OVER
from incidents.postmortem_template import MAX_DEPTH
from portal.lib.errors import GovernanceDenied

SQL = Path(__file__).with_suffix(".sql").read_text()
DROP = """
DROP TRIGGER postmortem_is_final ON incidents_postmortem;
DROP TRIGGER postmortem_says ON incidents_postmortem;
DROP TRIGGER why_is_in_its_tree ON incidents_why;
DROP TRIGGER postmortem_says ON incidents_why;
DROP TRIGGER postmortem_says ON incidents_actionitem;
DROP FUNCTION incidents_postmortem_is_final;
DROP FUNCTION incidents_why_is_in_its_tree;
DROP FUNCTION incidents_postmortem_says;
DROP FUNCTION incidents_postmortem_said;
"""


def carry_over(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    Postmortem = apps.get_model("incidents", "Postmortem")
    for postmortem in Postmortem.objects.order_by("pk").iterator(chunk_size=100):
        if postmortem.five_whys.strip() or postmortem.action_items.strip():
            _carry_over(apps, postmortem)
    with connection.cursor() as cursor:
        # What is deferred to the end would stand in the way of the triggers.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _carry_over(apps: StateApps, postmortem: models.Model) -> None:
    """Decided by the gate, meant in the journal, and on record like any other change; but within the
    one transaction of the migration, which a governed call would not be."""
    resource = Resource("incidents.postmortem", f"INC-{postmortem.incident_id}")
    request = Request(system("migration"), CARRY_OVER, resource)
    decision = engine.decide(request)
    if decision.verdict is not Verdict.ALLOW:
        raise GovernanceDenied(decision.reason, [vote.to_json() for vote in decision.votes])
    drawn = draw()
    intent = journal.intent(
        event_id=drawn.id,
        actor=request.principal.recorded,
        action=CARRY_OVER.name,
        target=str(resource),
        verdict=decision.verdict.value,
        policy=decision.policy_digest,
    )
    counts = {
        "whys": _whys(apps.get_model("incidents", "Why"), postmortem),
        "items": _items(apps, postmortem),
    }
    record = Record(drawn, intent, request, decision, CARRY_OVER.event, str(resource))
    record.note(**counts)
    leaf = record.append()
    transaction.on_commit(lambda: intent.committed(event_id=drawn.id, leaf_hash=leaf))


def _whys(why_model: type[models.Model], postmortem: models.Model) -> int:
    """One below the other, as they were asked."""
    parent, texts = None, carried_over.whys(postmortem.five_whys)
    for position, text in enumerate(texts, start=1):
        depth = 1 if parent is None else parent.depth + 1
        made = why_model.objects.create(
            postmortem=postmortem, parent=parent, depth=depth, position=position, text=text
        )
        parent = made if depth < MAX_DEPTH else parent
    return len(texts)


def _items(apps: StateApps, postmortem: models.Model) -> int:
    User = apps.get_model(settings.AUTH_USER_MODEL)
    found = carried_over.items(postmortem.action_items, timezone.localdate())
    for item in found:
        owner = User.objects.filter(username__in=item.names, is_active=True).first()
        apps.get_model("incidents", "ActionItem").objects.create(
            postmortem=postmortem,
            text=item.text,
            owner_id=owner.pk if owner else postmortem.author_id,
            due_on=item.due_on,
            kind="process",
            added_at=postmortem.written_at,
            changed_at=postmortem.written_at,
            is_carried_over=True,
        )
    return len(found)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0014_stopped"),
        ("incidents", "0007_clock_notice"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ActionItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.TextField()),
                ("due_on", models.DateField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("prevent", "Prevent"),
                            ("mitigate", "Mitigate"),
                            ("detect", "Detect"),
                            ("process", "Process"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("done", "Done"), ("dropped", "Dropped")],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                ("added_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("version", models.PositiveIntegerField(default=1)),
                ("is_carried_over", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ("due_on", "id"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ActionReminder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("week", models.DateField()),
                ("reminded_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="PostmortemWords",
            fields=[
                (
                    "postmortem",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="incidents.postmortem",
                    ),
                ),
                ("body", models.TextField()),
                (
                    "vector",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.contrib.postgres.search.SearchVector(
                            models.F("body"), config="english"
                        ),
                        output_field=django.contrib.postgres.search.SearchVectorField(),
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Why",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("depth", models.PositiveSmallIntegerField(default=1)),
                ("position", models.PositiveIntegerField()),
                ("text", models.TextField()),
            ],
            options={
                "ordering": ("position", "id"),
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="historicalpostmortem",
            name="contributing_factors",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=500), blank=True, null=True, size=None
            ),
        ),
        migrations.AddField(
            model_name="historicalpostmortem",
            name="lucky",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalpostmortem",
            name="sent_back",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalpostmortem",
            name="submitted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalpostmortem",
            name="submitted_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalpostmortem",
            name="went_well",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalpostmortem",
            name="went_wrong",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="postmortem",
            name="contributing_factors",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=500), blank=True, null=True, size=None
            ),
        ),
        migrations.AddField(
            model_name="postmortem",
            name="lucky",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="postmortem",
            name="sent_back",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="postmortem",
            name="submitted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="postmortem",
            name="submitted_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="postmortem",
            name="went_well",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="postmortem",
            name="went_wrong",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="historicalpostmortem",
            name="action_items",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AlterField(
            model_name="historicalpostmortem",
            name="five_whys",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AlterField(
            model_name="historicalpostmortem",
            name="impact",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="historicalpostmortem",
            name="root_cause",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="historicalpostmortem",
            name="summary",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="postmortem",
            name="action_items",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AlterField(
            model_name="postmortem",
            name="five_whys",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AlterField(
            model_name="postmortem",
            name="impact",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="postmortem",
            name="root_cause",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="postmortem",
            name="summary",
            field=models.TextField(blank=True),
        ),
        migrations.AddConstraint(
            model_name="postmortem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("submitted_at__isnull", True), ("submitted_by__isnull", True)),
                    models.Q(("submitted_at__isnull", False), ("submitted_by__isnull", False)),
                    _connector="OR",
                ),
                name="postmortem_submitted_by_somebody",
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="action_items",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="postmortem",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="items",
                to="incidents.postmortem",
            ),
        ),
        migrations.AddField(
            model_name="actionreminder",
            name="item",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reminders",
                to="incidents.actionitem",
            ),
        ),
        migrations.AddIndex(
            model_name="postmortemwords",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["vector"], name="postmortem_words"
            ),
        ),
        migrations.AddField(
            model_name="why",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reasons",
                to="incidents.why",
            ),
        ),
        migrations.AddField(
            model_name="why",
            name="postmortem",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="whys",
                to="incidents.postmortem",
            ),
        ),
        migrations.AddIndex(
            model_name="actionitem",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["due_on", "id"],
                name="action_item_open_by_due",
            ),
        ),
        migrations.AddIndex(
            model_name="actionitem",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["owner", "due_on", "id"],
                name="action_item_open_by_owner",
            ),
        ),
        migrations.AddIndex(
            model_name="actionitem",
            index=models.Index(fields=["state", "due_on", "id"], name="action_item_by_state"),
        ),
        migrations.AddConstraint(
            model_name="actionitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("text", ""), _negated=True), name="action_item_says_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="actionitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["prevent", "mitigate", "detect", "process"])),
                name="action_item_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="actionitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("done_at__isnull", False), ("state", "done")),
                    models.Q(("done_at__isnull", True), ("state__in", ["open", "dropped"])),
                    _connector="OR",
                ),
                name="action_item_done_at_when_done",
            ),
        ),
        migrations.AddConstraint(
            model_name="actionitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "dropped"), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="action_item_dropped_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="actionreminder",
            constraint=models.UniqueConstraint(
                fields=("item", "week"), name="action_reminder_once_a_week"
            ),
        ),
        migrations.AddConstraint(
            model_name="actionreminder",
            constraint=models.CheckConstraint(
                condition=models.Q(("week__iso_week_day", 1)),
                name="action_reminder_week_begins_on_monday",
            ),
        ),
        migrations.AddConstraint(
            model_name="why",
            constraint=models.CheckConstraint(
                condition=models.Q(("text", ""), _negated=True), name="why_says_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="why",
            constraint=models.CheckConstraint(
                condition=models.Q(("depth__gte", 1), ("depth__lte", 7)), name="why_not_too_deep"
            ),
        ),
        migrations.AddConstraint(
            model_name="why",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("depth", 1), ("parent__isnull", True)),
                    models.Q(("depth__gt", 1), ("parent__isnull", False)),
                    _connector="OR",
                ),
                name="why_root_is_at_the_top",
            ),
        ),
        *(
            migrations.RunSQL(
                f"SELECT audit_protect('{table}', '{mode}')",
                f"SELECT audit_unprotect('{table}')"
                if mode == "governed"
                else migrations.RunSQL.noop,
            )
            for table, mode in (
                ("incidents_why", "governed"),
                ("incidents_actionitem", "governed"),
                ("incidents_actionreminder", "governed"),
                ("incidents_actionreminder", "append_only"),
            )
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.RunSQL(SQL, DROP),
    ]
