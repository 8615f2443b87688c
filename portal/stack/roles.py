"""The database's four roles, which keep the application from rewriting what it has recorded.

`vigil_owner` owns everything and cannot log in; migrations run under it. `vigil_app` (web, worker,
beat) logs in and by default may only read; `vigil_ledger` (the sequencer) and `vigil_signer` (the
signer) log in and by default may do nothing. Each migration grants what its tables need. Works on PostgreSQL 15 and newer, as a superuser or as a login with CREATEROLE
and CREATEDB.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql

from portal.stack.errors import StackError

OWNER = "vigil_owner"
APPLICATION = "vigil_app"
LEDGER = "vigil_ledger"
SIGNER = "vigil_signer"
LOGINS = (APPLICATION, LEDGER, SIGNER)

# What a request may take at most, so that one stuck query never holds a worker or a row for good.
LIMITS = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}
SET_OPTION_SINCE = 160000  # until then a membership always came with SET
SETUP_LOCK = 0x56_49_47_49_4C  # "VIGIL"


def prepare_database(
    superuser_conninfo: str, name: str, *, passwords: Mapping[str, str] | None = None
) -> None:
    """Makes the roles and the database where they are missing; changes nothing where all is there.

    `passwords` are by login; without one a login keeps what it has. Raises `StackError` when a
    login could become the owner, which would void every guarantee of the ledger.
    """
    with psycopg.connect(superuser_conninfo, autocommit=True) as server:
        # Roles belong to the whole server: two setups at once would trip over each other.
        server.execute("SELECT pg_advisory_lock(%s)", [SETUP_LOCK])
        _make_roles(server)
        _join_owner(server)
        for login, password in (passwords or {}).items():
            _set_password(server, login, password)
        _refuse_powerful_logins(server)
        _make_database(server, name)
        with psycopg.connect(superuser_conninfo, dbname=name) as database:
            _grant(database, name)


def _make_roles(server: psycopg.Connection) -> None:
    rows = server.execute("SELECT rolname, rolconfig FROM pg_roles").fetchall()
    existing: dict[str, list[str] | None] = dict(rows)
    for role in (OWNER, *LOGINS):
        if role not in existing:
            kind = sql.SQL("NOLOGIN" if role == OWNER else "LOGIN")
            server.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), kind))
    configured = existing.get(APPLICATION) or []
    for setting, value in LIMITS.items():
        if f"{setting}={value}" not in configured:
            server.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    sql.Identifier(APPLICATION), sql.Identifier(setting), sql.Literal(value)
                )
            )


def _join_owner(server: psycopg.Connection) -> None:
    """Lets a login that is no superuser create, as the owner, what the owner is to own."""
    has_set = server.info.server_version >= SET_OPTION_SINCE
    may = "MEMBER" if not has_set else "SET"
    row = server.execute(
        "SELECT pg_has_role(%(owner)s, %(may)s) AND pg_has_role(%(owner)s, 'USAGE')",
        {"owner": OWNER, "may": may},
    ).fetchone()
    if row and row[0]:
        return
    options = sql.SQL(" WITH INHERIT TRUE, SET TRUE" if has_set else "")
    server.execute(sql.SQL("GRANT {} TO CURRENT_USER{}").format(sql.Identifier(OWNER), options))


def _set_password(server: psycopg.Connection, login: str, password: str) -> None:
    # Hashed here, so that the server's log never sees it.
    hashed = server.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
    server.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(
            sql.Identifier(login), sql.Literal(hashed.decode())
        )
    )


def _refuse_powerful_logins(server: psycopg.Connection) -> None:
    powerful = server.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
        " AND (rolsuper OR rolbypassrls OR rolcreaterole OR pg_has_role(rolname, %s, 'MEMBER'))",
        [list(LOGINS), OWNER],
    ).fetchone()
    if powerful:
        msg = (
            f"{powerful[0]} is a superuser, may create roles or is a member of {OWNER}:"
            " it could rewrite the ledger. Take that away first"
        )
        raise StackError(msg)


def _make_database(server: psycopg.Connection, name: str) -> None:
    found = server.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    names = {"database": sql.Identifier(name), "owner": sql.Identifier(OWNER)}
    if found is None:
        server.execute(
            sql.SQL(
                "CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'"
            ).format(**names)
        )
    elif found[0] != OWNER:
        server.execute(sql.SQL("ALTER DATABASE {database} OWNER TO {owner}").format(**names))


def _grant(database: psycopg.Connection, name: str) -> None:
    names = {
        "database": sql.Identifier(name),
        "owner": sql.Identifier(OWNER),
        "app": sql.Identifier(APPLICATION),
        "logins": sql.SQL(", ").join(map(sql.Identifier, LOGINS)),
    }
    owner = database.execute(
        "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'"
    ).fetchone()
    if owner != ("pg_database_owner",):  # a database that is older than PostgreSQL 15
        database.execute(sql.SQL("ALTER SCHEMA public OWNER TO {owner}").format(**names))
    for statement in (
        "SET ROLE {owner}",
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {logins}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {logins}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {app}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE, SELECT ON SEQUENCES TO {app}",
    ):
        database.execute(sql.SQL(statement).format(**names))
