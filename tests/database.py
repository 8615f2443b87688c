"""Databases for tests: one migrated template, cloned for each worker and each committing test."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from portal.stack.postgres import SUPERUSER, EmbeddedPostgres
from portal.stack.roles import prepare_database
from tests import settings as test_settings

SETUP_LOCK = 0x7E57
# The name as configured, before any test pointed the connection elsewhere.
_BASE = settings.DATABASES["default"]["NAME"]
TEMPLATE = f"{_BASE}_test_template"


def embedded_server() -> EmbeddedPostgres:
    settings.VAR.var.mkdir(parents=True, exist_ok=True)
    return EmbeddedPostgres(settings.VAR.var / "postgres", settings.VAR.sockets, fsync=False)


def conninfo(dbname: str) -> str:
    """As the login of the tests: `portal` on the embedded server, else the one in DATABASE_URL."""
    configured = settings.DATABASES["default"]
    parts = {
        "host": configured["HOST"],
        "port": configured["PORT"],
        "user": configured["USER"] or SUPERUSER,
        "password": configured["PASSWORD"],
        "dbname": dbname,
    }
    return psycopg.conninfo.make_conninfo(**{name: value for name, value in parts.items() if value})


def url_of(dbname: str) -> str:
    """For a process of its own, as the login of the tests."""
    given = settings.DATABASE_URL
    if test_settings.IS_EMBEDDED:
        given = settings.VAR.database_url(SUPERUSER)
    return urlsplit(given)._replace(path=f"/{dbname}").geturl()


@contextmanager
def server() -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo("postgres"), autocommit=True) as opened:
        yield opened


def ensure_template() -> None:
    """Migrates the template once, however many workers ask at the same time."""
    with server() as opened:
        opened.execute("SELECT pg_advisory_lock(%s)", [SETUP_LOCK])
        ready = opened.execute(
            "SELECT FROM pg_shdescription d JOIN pg_database b ON b.oid = d.objoid"
            " WHERE b.datname = %s AND d.description = 'migrated'",
            [TEMPLATE],
        ).fetchone()
        if ready is None:
            drop(TEMPLATE)
            prepare_database(conninfo("postgres"), TEMPLATE)
            with pointed_at(TEMPLATE, role="vigil_owner"):
                call_command("migrate", verbosity=0)
            name = sql.Identifier(TEMPLATE)
            opened.execute(sql.SQL("COMMENT ON DATABASE {} IS 'migrated'").format(name))


def clone(name: str) -> None:
    with server() as opened:
        opened.execute("SELECT pg_advisory_lock(%s)", [SETUP_LOCK])
        drop(name)
        opened.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER vigil_owner").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        # Privileges on the database itself do not come along with a template.
        opened.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO vigil_app, vigil_ledger, vigil_signer").format(
                sql.Identifier(name)
            )
        )


def drop(name: str) -> None:
    with server() as opened:
        opened.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


@contextmanager
def pointed_at(name: str, *, role: str = "vigil_app") -> Iterator[None]:
    """Points Django's connection, in every thread that opens one, at another database."""
    configured = connections.settings["default"]
    before = configured["NAME"], configured["OPTIONS"].get("assume_role")
    connection.close()
    configured["NAME"], configured["OPTIONS"]["assume_role"] = name, role
    try:
        yield
    finally:
        connection.close()
        configured["NAME"], configured["OPTIONS"]["assume_role"] = before


@contextmanager
def as_role(role: str) -> Iterator[None]:
    """Runs the body under another database role, on the connection of the test."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)).as_string())
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE vigil_app")


@contextmanager
def as_superuser() -> Iterator[psycopg.Connection]:
    """A second connection to the test's database, of the login itself, committing as it goes."""
    with psycopg.connect(conninfo(connection.settings_dict["NAME"]), autocommit=True) as opened:
        yield opened
