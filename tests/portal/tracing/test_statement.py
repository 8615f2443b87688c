"""Nothing that could be a value is left of a statement."""

import time

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Q
from hypothesis import given
from hypothesis import strategies as st

from portal.tracing.statement import LONGEST, described


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT 1", "SELECT ?"),
        ("SELECT 'a' || 'it''s', %s", "SELECT ? || ?, %s"),
        (r"SELECT E'it\'s', 'x'", "SELECT ?, ?"),
        (r"SELECT 'c:\', a LIKE'b\', c", r"SELECT ?, a LIKE?, c"),
        ("SELECT $$it's$$, $a$x$b$'$a$, $1", "SELECT ?, ?, $1"),
        (
            'SELECT "it\'s" FROM "t" T3 WHERE T3."a1" = -4.5e3',
            'SELECT "it\'s" FROM "t" T3 WHERE T3."a1" = -?',
        ),
        (
            "SELECT a -- it's anna\n FROM t /* and ' bob */ WHERE b = %(name)s",
            "SELECT a FROM t WHERE b = %(name)s",
        ),
        ("SELECT X'1F', B'01', U&'d', N'anna'", "SELECT ?, ?, ?, ?"),
        ("SELECT 'never ended", "SELECT ?"),
        ("SELECT a FROM t WHERE b = 0x1f AND c = 1_000", "SELECT a FROM t WHERE b = ? AND c = ?"),
    ],
)
def test_values_are_question_marks(sql: str, text: str) -> None:
    assert described(sql)[0] == text


@pytest.mark.parametrize(
    ("sql", "summary"),
    [
        ('SELECT "a" FROM "incidents_incident" WHERE x', "SELECT incidents_incident"),
        ('INSERT INTO "audit_event" ("a") VALUES (%s)', "INSERT audit_event"),
        ('UPDATE "t" SET "a" = %s', "UPDATE t"),
        ("  delete from only t", "DELETE t"),
        ('SAVEPOINT "s139_x1"', "SAVEPOINT"),
        ("SELECT set_config(%s, %s, true)", "SELECT"),
        ("anna said", "SQL"),
        ("", "SQL"),
    ],
)
def test_the_name_of_a_span_is_verb_and_table(sql: str, summary: str) -> None:
    assert described(sql)[1] == summary


@given(st.text(alphabet="ab'\\ %1", max_size=30), st.sampled_from(["", "E"]))
def test_a_literal_is_a_value_whatever_is_in_it(value: str, prefix: str) -> None:
    written = value.replace("'", "''")
    if prefix:
        written = written.replace("\\", "\\\\")
    assert described(f"SELECT {prefix}'{written}' FROM t") == ("SELECT ? FROM t", "SELECT t")


@given(st.text(alphabet="'\"$-/*eE\\a1 \n", max_size=300))
def test_any_text_has_a_shape_of_bounded_length(sql: str) -> None:
    text, summary = described(sql)
    assert len(text) <= LONGEST
    assert summary == "SQL"


def test_a_long_statement_is_cut_and_what_is_cut_shows_no_part_of_a_value() -> None:
    sql = f"SELECT {'a, ' * 640}'anna{'x' * 500_000}' FROM t"
    text, _ = described(sql)
    assert len(text) <= LONGEST
    assert "anna" not in text


def test_what_the_orm_writes_is_left_as_it_is() -> None:
    found = get_user_model().objects.filter(Q(email="anna") | Q(pk__in=[1, 2])).only("pk")[:21]
    sql, params = found.query.sql_with_params()
    text, summary = described(sql)
    assert params[0] == "anna"
    assert summary == "SELECT audit_user"
    assert text == sql.replace("LIMIT 21", "LIMIT ?").replace("  ", " ")


@pytest.mark.parametrize("part", ["'", "''", '"', "$a$", "/*", "E'\\", "1.", "--"])
def test_no_text_takes_long(part: str) -> None:
    """A statement is cut before it is looked at; this would take hours where it went wrong."""
    begun = time.process_time()
    for n in range(50):
        described(f"{n}" + part * 2000)
    assert time.process_time() - begun < 30
