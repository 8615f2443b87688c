import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command

from portal.stack.errors import StackError
from portal.stack.postgres import EmbeddedPostgres
from portal.stack.roles import APPLICATION, LIMITS, LOGINS, prepare_database

DATABASE = "vigil"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A server of this module's own: roles belong to the whole of it."""
    home = Path(tempfile.mkdtemp(prefix="vigil-roles-"))
    home.chmod(0o755)
    with EmbeddedPostgres(home / "pg", home / "run", fsync=False) as pg:
        yield pg
    shutil.rmtree(home)


@pytest.fixture(autouse=True)
def _prepared(server: EmbeddedPostgres) -> Iterator[None]:
    prepare_database(server.superuser_url("postgres"), DATABASE)
    yield
    with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        connection.execute("DROP ROLE vigil_app, vigil_ledger, vigil_signer, vigil_owner")


@pytest.fixture
def owner(server: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.superuser_url(DATABASE), autocommit=True) as connection:
        connection.execute("SET ROLE vigil_owner")
        yield connection


def login(server: EmbeddedPostgres, name: str, database: str = DATABASE) -> psycopg.Connection:
    return psycopg.connect(server.url(name, database), autocommit=True)


def test_the_owner_owns_everything_and_cannot_log_in(
    server: EmbeddedPostgres, owner: psycopg.Connection
) -> None:
    owner.execute("CREATE TABLE a_table ()")
    row = owner.execute(
        "SELECT pg_get_userbyid(datdba),"
        " (SELECT tableowner FROM pg_tables WHERE tablename = 'a_table')"
        " FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    assert row == ("vigil_owner", "vigil_owner")
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        login(server, "vigil_owner")


@pytest.mark.parametrize("name", LOGINS)
def test_the_application_reads_every_new_table_and_no_login_writes_one(
    server: EmbeddedPostgres, owner: psycopg.Connection, name: str
) -> None:
    owner.execute("CREATE TABLE a_table AS SELECT 1 AS n")
    reads = "SELECT n FROM a_table"
    with login(server, name) as connection:
        if name == APPLICATION:
            assert connection.execute(reads).fetchone() == (1,)
        for statement in (
            *([] if name == APPLICATION else [reads]),
            "INSERT INTO a_table VALUES (2)",
            "UPDATE a_table SET n = 2",
            "DELETE FROM a_table",
            "TRUNCATE a_table",
            "ALTER TABLE a_table DISABLE TRIGGER ALL",
            "DROP TABLE a_table",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


@pytest.mark.parametrize("name", LOGINS)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE a_table ()",
        "CREATE SCHEMA a_schema",
        "CREATE TEMPORARY TABLE a_table ()",
        "SET ROLE vigil_owner",
        "SET session_replication_role = replica",
        "ALTER ROLE vigil_app SUPERUSER",
        "CREATE DATABASE another",
    ],
)
def test_a_login_makes_nothing_and_becomes_nobody(
    server: EmbeddedPostgres, name: str, statement: str
) -> None:
    with login(server, name) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_others_do_not_even_connect(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE outsider LOGIN")
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            login(server, "outsider")
    finally:
        with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
            connection.execute("DROP ROLE outsider")


def test_only_the_application_uses_sequences(
    server: EmbeddedPostgres, owner: psycopg.Connection
) -> None:
    owner.execute("CREATE SEQUENCE a_sequence")
    with login(server, "vigil_app") as connection:
        assert connection.execute("SELECT nextval('a_sequence')").fetchone() == (1,)
    with (
        login(server, "vigil_ledger") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT nextval('a_sequence')")


@pytest.mark.parametrize(("setting", "value"), LIMITS.items())
def test_the_application_never_waits_for_good(
    server: EmbeddedPostgres, setting: str, value: str
) -> None:
    with login(server, "vigil_app") as connection:
        assert connection.execute(f"SHOW {setting}").fetchone() == (value,)


def test_a_second_time_changes_nothing(server: EmbeddedPostgres) -> None:
    def state() -> list[tuple[object, ...]]:
        with psycopg.connect(server.superuser_url(DATABASE)) as connection:
            return [
                *connection.execute("SELECT xmin::text, rolname FROM pg_authid ORDER BY 2"),
                *connection.execute("SELECT setconfig FROM pg_db_role_setting"),
                *connection.execute("SELECT datacl FROM pg_database ORDER BY datname"),
                *connection.execute("SELECT defaclacl FROM pg_default_acl ORDER BY oid"),
                *connection.execute("SELECT nspacl FROM pg_namespace WHERE nspname = 'public'"),
            ]

    before = state()
    prepare_database(server.superuser_url("postgres"), DATABASE)
    assert state() == before


def test_two_at_the_same_time_do_not_disturb_each_other(server: EmbeddedPostgres) -> None:
    url = server.superuser_url("postgres")
    with ThreadPoolExecutor(4) as pool:
        for made in [pool.submit(prepare_database, url, DATABASE) for _ in range(8)]:
            made.result()


def test_an_existing_database_changes_hands(server: EmbeddedPostgres) -> None:
    """Also one from before PostgreSQL 15, where everybody could create tables in `public`."""
    with psycopg.connect(server.superuser_url(DATABASE), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {DATABASE} OWNER TO portal")
        connection.execute("ALTER SCHEMA public OWNER TO portal")
        connection.execute("GRANT ALL ON SCHEMA public TO PUBLIC")
    prepare_database(server.superuser_url("postgres"), DATABASE)
    with (
        login(server, "vigil_app") as application,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        application.execute("CREATE TABLE a_table ()")


@pytest.mark.parametrize("power", ["SUPERUSER", "CREATEROLE", "BYPASSRLS"])
def test_an_application_that_could_rewrite_the_ledger_is_refused(
    server: EmbeddedPostgres, power: str
) -> None:
    with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER ROLE vigil_app {power}")
    with pytest.raises(StackError, match=r"vigil_app .* could rewrite the ledger"):
        prepare_database(server.superuser_url("postgres"), DATABASE)


@pytest.mark.parametrize("name", LOGINS)
def test_a_login_that_could_become_the_owner_is_refused(
    server: EmbeddedPostgres, name: str
) -> None:
    with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(f"GRANT vigil_owner TO {name}")
    with pytest.raises(StackError, match=f"{name} .* could rewrite the ledger"):
        prepare_database(server.superuser_url("postgres"), DATABASE)


def test_passwords_reach_the_server_hashed(server: EmbeddedPostgres) -> None:
    prepare_database(
        server.superuser_url("postgres"), DATABASE, passwords={"vigil_app": "a secret"}
    )
    with psycopg.connect(server.superuser_url("postgres")) as connection:
        stored = dict(connection.execute("SELECT rolname, rolpassword FROM pg_authid").fetchall())
    assert stored["vigil_app"].startswith("SCRAM-SHA-256$")
    assert stored["vigil_ledger"] is None
    assert "a secret" not in server.log.read_text()


class TestWithoutASuperuser:
    """As on a hosted PostgreSQL, where the best login has CREATEROLE and CREATEDB only."""

    @pytest.fixture
    def administrator(self, server: EmbeddedPostgres) -> Iterator[str]:
        with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {DATABASE}")
            connection.execute("DROP ROLE vigil_app, vigil_ledger, vigil_signer, vigil_owner")
            connection.execute("CREATE ROLE administrator LOGIN CREATEROLE CREATEDB")
        yield server.url("administrator", "postgres")
        with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {DATABASE} OWNER TO portal")
            connection.execute("DROP OWNED BY administrator CASCADE")
            connection.execute("DROP ROLE administrator")

    def test_all_is_made_and_may_be_made_again(
        self, server: EmbeddedPostgres, administrator: str
    ) -> None:
        prepare_database(administrator, DATABASE)
        prepare_database(administrator, DATABASE)
        with psycopg.connect(administrator, dbname=DATABASE, autocommit=True) as migrations:
            migrations.execute("SET ROLE vigil_owner")
            migrations.execute("CREATE TABLE a_table AS SELECT 1 AS n")
        with login(server, "vigil_app") as application:
            assert application.execute("SELECT n FROM a_table").fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute("DELETE FROM a_table")


class TestCommand:
    """`manage.py prepare_database`."""

    def run(self, server: EmbeddedPostgres, **options: object) -> str:
        said = StringIO()
        url = server.superuser_url("postgres")
        call_command("prepare_database", url=url, database=DATABASE, stdout=said, **options)
        return said.getvalue()

    def test_says_what_to_configure(self, server: EmbeddedPostgres) -> None:
        said = self.run(server)
        host = str(server.socket_dir).replace("/", "%2F")
        assert f"DATABASE_URL=postgresql://vigil_app@{host}/vigil\n" in said
        assert f"VIGIL_LEDGER_DATABASE_URL=postgresql://vigil_ledger@{host}/vigil\n" in said
        url = said.splitlines()[0].removeprefix("DATABASE_URL=")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("vigil_app",)

    def test_takes_passwords_from_the_environment_and_never_shows_them(
        self, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIGIL_APP_PASSWORD", "a secret")
        monkeypatch.setenv("VIGIL_LEDGER_PASSWORD", "another")
        monkeypatch.setenv("VIGIL_SIGNER_PASSWORD", "a third")
        said = self.run(server, password=True)
        assert "vigil_app:PASSWORD@" in said
        assert "a secret" not in said

    def test_names_a_missing_password(
        self, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIGIL_APP_PASSWORD", "a secret")
        monkeypatch.delenv("VIGIL_LEDGER_PASSWORD", raising=False)
        monkeypatch.setenv("VIGIL_SIGNER_PASSWORD", "a third")
        with pytest.raises(CommandError, match=r"^VIGIL_LEDGER_PASSWORD must be set") as caught:
            self.run(server, password=True)
        assert caught.value.returncode == 2

    def test_a_server_that_refuses_is_one_line(self) -> None:
        with pytest.raises(CommandError, match="could not be prepared"):
            call_command("prepare_database", url="postgresql://x@127.0.0.1:1/postgres")
