"""For people with a PostgreSQL of their own: makes the database and the roles that Vigil needs."""

import os
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from psycopg.conninfo import conninfo_to_dict

from portal.env import with_files
from portal.stack.errors import StackError
from portal.stack.roles import APPLICATION, LEDGER, OWNER, SIGNER, prepare_database

PASSWORD_VARIABLES = {
    APPLICATION: "VIGIL_APP_PASSWORD",
    LEDGER: "VIGIL_LEDGER_PASSWORD",
    SIGNER: "VIGIL_SIGNER_PASSWORD",
}


class Command(BaseCommand):
    help = "Make the database and its roles, on a PostgreSQL of your own. May be run again."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url",
            required=True,
            help="a superuser's login, or one with CREATEROLE and CREATEDB; PGPASSWORD is honoured",
        )
        parser.add_argument("--database", default="vigil", help="its name (default: vigil)")
        parser.add_argument(
            "--password",
            action="store_true",
            help=f"set the logins' passwords, from {' and '.join(PASSWORD_VARIABLES.values())}",
        )

    def handle(self, *_args: Any, url: str, database: str, password: bool, **_options: Any) -> None:
        passwords = self._passwords() if password else {}
        try:
            prepare_database(url, database, passwords=passwords)
        except (StackError, psycopg.Error) as error:
            msg = f"The database could not be prepared: {str(error).strip()}"
            raise CommandError(msg) from error
        place = _place(url)
        secret = ":PASSWORD" if password else ""
        self.stdout.write(
            f"DATABASE_URL=postgresql://{APPLICATION}{secret}@{place}/{database}\n"
            f"VIGIL_LEDGER_DATABASE_URL=postgresql://{LEDGER}{secret}@{place}/{database}\n"
            f"VIGIL_SIGNER_DATABASE_URL=postgresql://{SIGNER}{secret}@{place}/{database}\n"
            f"# Migrate as a member of {OWNER}, such as the login that you have just used:\n"
            f"# DATABASE_URL=… VIGIL_DATABASE_ROLE={OWNER} manage.py migrate"
        )

    def _passwords(self) -> dict[str, str]:
        given = with_files(os.environ)
        found = {login: given.get(name, "") for login, name in PASSWORD_VARIABLES.items()}
        missing = [PASSWORD_VARIABLES[login] for login, value in found.items() if not value]
        if missing:
            msg = f"{' and '.join(missing)} must be set for --password"
            raise CommandError(msg, returncode=2)
        return found


def _place(url: str) -> str:
    given = conninfo_to_dict(url)
    host, port = str(given.get("host") or "localhost"), given.get("port")
    host = (
        host.replace("/", "%2F") if host.startswith("/") else f"[{host}]" if ":" in host else host
    )
    return f"{host}:{port}" if port else host
