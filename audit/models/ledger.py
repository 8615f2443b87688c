"""The ledger's tables, made by hand-written SQL in `audit/migrations/0002_ledger.sql`.

Rows are added by `audit.ledger.append`, `.sequencer` and `.signer` alone; the database refuses
every change of a row that is there.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Event(models.Model):
    """One entry. `entry` is the exact canonical JSON that is hashed; the other columns are
    projections of it for searching, derived by the database as it is inserted."""

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(editable=False)
    event = models.TextField(editable=False)
    actor = models.TextField(editable=False)
    action = models.TextField(editable=False)
    target = models.TextField(editable=False)
    verdict = models.TextField(editable=False)
    trace_id = models.TextField(editable=False)
    writer_id = models.UUIDField(editable=False)
    writer_seq = models.BigIntegerField(editable=False)
    entry = models.BinaryField(editable=False)
    leaf_hash = models.BinaryField(editable=False)

    class Meta:
        managed = False
        db_table = "audit_event"
        verbose_name = "audit event"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.id} {self.event}"


class Leaf(models.Model):
    """An event's place in the log: dense indexes from 0, assigned by the sequencer."""

    index = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(
        Event, on_delete=models.DO_NOTHING, related_name="leaf", db_constraint=False
    )
    leaf_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_leaf"
        default_permissions = ()

    def __str__(self) -> str:
        return f"leaf {self.index}"


class Tile(models.Model):
    """A full tile of 256 hashes (C2SP tlog-tiles); partial tiles are computed when asked for."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    root = models.BinaryField()
    data = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_tile"
        default_permissions = ()

    def __str__(self) -> str:
        return f"tile {self.level}/{self.index}"


class Head(models.Model):
    """The one row that says how many leaves there are, with the tree's compact range."""

    singleton = models.BooleanField(primary_key=True, default=True)
    size = models.BigIntegerField()
    frontier = ArrayField(models.BinaryField())

    class Meta:
        managed = False
        db_table = "audit_head"
        default_permissions = ()

    def __str__(self) -> str:
        return f"head {self.size}"


class Checkpoint(models.Model):
    """A signed statement of the tree's size and root (C2SP tlog-checkpoint)."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_checkpoint"
        default_permissions = ()

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Stopped(models.Model):
    """How often an axiom stopped something, in shards: counted by the database itself, in the
    transaction of each denial's event (`audit/migrations/0014_stopped.sql`)."""

    pk = models.CompositePrimaryKey("axiom", "shard")
    axiom = models.TextField()
    shard = models.SmallIntegerField()
    times = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "audit_stopped"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.axiom}: {self.times}"


class StoppedSince(models.Model):
    """The one row that says from which event on that was counted."""

    singleton = models.BooleanField(primary_key=True, default=True)
    since = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_stopped_since"
        default_permissions = ()

    def __str__(self) -> str:
        return f"counted since {self.since:%Y-%m-%d %H:%M}"
