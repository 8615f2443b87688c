"""The primary is lost for good: checked, refused where it must be, promoted, and used."""

import json
import time

import psycopg
import pytest

from tests.failover.world import World, ask
from tests.stack.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


def failover(world: World, *options: str, user: str = "operator") -> tuple[int, str]:
    done = world.manage(
        *("failover", "--as", user, "--reason", "the machine burnt down", *options),
        VIGIL_FAILOVER_DATABASE_URL=world.replica.superuser_url("postgres"),
    )
    return done.returncode, done.stdout


def is_replica(world: World) -> bool:
    with world.server(world.replica) as server:
        return server.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


def test_a_lost_primary_is_replaced_and_the_record_goes_on(own_world: World) -> None:
    world = own_world
    with world.server() as server:
        # What is acknowledged is on both before it is.
        server.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        server.execute("SELECT pg_reload_conf()")
    with world.traffic() as traffic:
        wait_until(lambda: len(traffic.acknowledged) > 20, timeout=60)
        code, said = failover(world, "--yes")
        assert code == 1, said
        assert "it answers and takes writes" in said
        world.kill()
        began = time.monotonic()
        wait_until(lambda: traffic.first(traffic.sent, began, 503), timeout=120)

    # Refused: by whom it may not be done, without a word that the old one is fenced, with a loss.
    code, said = failover(world, "--yes", user="responder")
    assert (code, "Refused" in said) == (1, True), said
    assert failover(world)[0] != 0
    assert (world.place / "var" / "checkpoint").exists()
    assert is_replica(world)

    code, said = failover(world, "--check")
    assert (code, "[!!]" in said) == (0, False), said
    code, said = failover(world, "--yes")
    assert code == 0, said
    assert "On record as database_failed_over" in said
    assert "DATABASE_URL" in said
    assert not is_replica(world)
    assert set(traffic.acknowledged) <= world.kept(world.replica)
    # A second time there is nothing to promote.
    assert failover(world, "--yes")[0] == 1

    with psycopg.connect(world.replica.superuser_url("vigil")) as database:
        row = database.execute(
            "SELECT actor, convert_from(entry, 'UTF8') FROM audit_event"
            " WHERE event = 'database_failed_over'"
        ).fetchone()
    data = json.loads(row[1])["data"]
    assert data["reason"] == "the machine burnt down"
    assert any("No entry is lost" in check for check in data["checks"])
    journal = "".join(path.read_text() for path in (world.place / "var/journal").glob("*"))
    assert "portal:database:fail-over" in journal

    # The same installation, pointed at the promoted server, goes on: it takes alerts, signs, verifies.
    world.installation.clean_up()
    query = f"?host={world.replica.socket_dir}"
    urls = world.urls("", query)
    world.start(
        world.place / "var",
        urls,
        VIGIL_OWNER_DATABASE_URL=world.replica.superuser_url("vigil"),
        DATABASE_REPLICA_URL="",
    )
    with world.traffic() as after:
        wait_until(lambda: len(after.acknowledged) > 10, timeout=60)
    assert set(after.acknowledged) <= world.kept(world.replica)
    wait_until(lambda: ask(after.port, "GET", "/health/ready").status == 200, timeout=60)
    done = world.manage("verify_ledger", "--journal", "--rows")
    assert done.returncode == 0, done.stdout
