"""Brings one installation up to date: migrations, static files, signing key, first users."""

import hashlib
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from audit.ledger.keys import ensure_signer_key
from portal.first_run import Credentials, first_run
from portal.stack.layout import Layout


class Command(BaseCommand):
    help = "Migrate, collect static files, make the signing key and, on the first run, users."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="do not migrate; fail when a migration is missing",
        )
        parser.add_argument(
            "--database-only",
            action="store_true",
            help="no static files and no key: they are in the image, and with the signer",
        )

    def handle(
        self, *_args: Any, check: bool, database_only: bool = False, **_options: Any
    ) -> None:
        if has_missing_migrations():
            if check:
                msg = (
                    "The database needs migrating. Set VIGIL_OWNER_DATABASE_URL to a login that is"
                    " a member of vigil_owner, or run `manage.py migrate` as one"
                )
                raise CommandError(msg)
            call_command("migrate", interactive=False, verbosity=1)
        if not database_only:
            collect_static()
            ensure_signer_key(settings.SIGNER_KEY)
        first_run(keep=lambda made: keep(made, settings.VAR))


def has_missing_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def collect_static() -> None:
    """Collects when a source file or the way of storing them changed since the last time."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    mark = settings.VAR.static_fingerprint
    if mark.exists() and mark.read_text() == digest.hexdigest():
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    mark.write_text(digest.hexdigest())


def keep(made: Credentials, layout: Layout) -> None:
    """Writes what is known only now where nobody but the owner of `var` can read it."""
    width = max(len(role) for _, _, role in made.users)
    names = max(len(name) for name, _, _ in made.users)
    lines = [f"{role:<{width}}  {name:<{names}}  {password}" for name, password, role in made.users]
    lines += ["", f"Detector token  {made.token}"]
    layout.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    layout.first_run.unlink(missing_ok=True)
    file = os.open(layout.first_run, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(file, "w") as stream:
        stream.write("\n".join(lines) + "\n")
