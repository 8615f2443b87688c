"""The deadline reaches the database, and leaves nothing behind there."""

import pytest
from django.db import OperationalError, connection, transaction

from portal.lib.resilience import deadline
from portal.lib.resilience.deadline import DeadlineExceeded

LIMIT = "SELECT current_setting('statement_timeout')"


def limit() -> str:
    with connection.cursor() as cursor:
        cursor.execute(LIMIT)
        return cursor.fetchone()[0]


@pytest.fixture(autouse=True)
def _role_limit(committed_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '10s'")


def test_with_time_to_spare_the_roles_own_limit_holds() -> None:
    with deadline.within(30):
        assert limit() == "10s"


def test_near_the_end_a_statement_has_what_is_left() -> None:
    with deadline.within(3):
        assert limit().endswith("ms")
        assert 2000 < int(limit().removesuffix("ms")) <= 3000
    assert limit() == "10s"


def test_a_statement_is_ended_by_the_database() -> None:
    with deadline.within(0.3), pytest.raises(OperationalError, match="statement timeout"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")
    assert limit() == "10s"


def test_after_the_end_nothing_is_asked_any_more() -> None:
    with deadline.within(0), pytest.raises(DeadlineExceeded):
        limit()


def test_a_transaction_can_still_be_given_up_after_the_end() -> None:
    with pytest.raises(DeadlineExceeded), transaction.atomic():
        limit()
        with deadline.within(0), transaction.atomic():
            limit()
    assert limit() == "10s"


def test_in_a_failed_savepoint_the_limit_comes_back_with_the_rollback() -> None:
    with transaction.atomic():
        with deadline.within(2), pytest.raises(OperationalError, match="statement timeout"):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(5)")
        assert limit() == "10s"


def test_a_tighter_limit_is_left_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 500")
    with deadline.within(3):
        assert limit() == "500ms"
    assert limit() == "500ms"
