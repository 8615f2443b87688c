import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.lib.trace import Parent, bound, parent_of, start_trace, trace_id

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{CALLER}-00f067aa0ba902b7-01",
        f"00-{CALLER}-00f067aa0ba902b7-00",
        f"01-{CALLER}-00f067aa0ba902b7-01",
        f"cc-{CALLER}-00f067aa0ba902b7-01-what-the-future-brings",
    ],
)
def test_a_valid_traceparent_is_honoured(traceparent: str) -> None:
    assert start_trace(traceparent) == CALLER
    assert trace_id() == CALLER


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        CALLER,
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{CALLER}-{'0' * 16}-01",
        f"ff-{CALLER}-00f067aa0ba902b7-01",
        f"00-{CALLER.upper()}-00f067aa0ba902b7-01",
        f"00-{CALLER}-00f067aa0ba902b7-01-extra",
        f"00-{CALLER}-00f067aa0ba902b7-1",
        f"01-{CALLER}-00f067aa0ba902b7-01extra",
        f" 00-{CALLER}-00f067aa0ba902b7-01",
        f"00-{CALLER}-00f067aa0ba902b7-01\n",
        f"00-{CALLER}-00f067aa0ba902b7-01,00-{CALLER}-00f067aa0ba902b7-01",
        f"00-{CALLER[:-1]}٤-00f067aa0ba902b7-01",
    ],
)
def test_any_other_is_replaced_by_a_new_id(traceparent: str | None) -> None:
    new = start_trace(traceparent)
    assert re.fullmatch("[0-9a-f]{32}", new)
    assert new != CALLER
    assert new == trace_id()


@given(st.text())
def test_whatever_a_caller_sends_the_id_has_its_form(traceparent: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", start_trace(traceparent))


def test_every_trace_has_its_own_id() -> None:
    assert start_trace(None) != start_trace(None)


def test_a_task_runs_under_its_senders_id_and_gives_it_back() -> None:
    before = start_trace(None)
    with bound(CALLER) as inner:
        assert inner == trace_id() == CALLER
    assert trace_id() == before


def test_a_sender_may_tell_its_span_as_well() -> None:
    sender = f"00-{CALLER}-00f067aa0ba902b7-01"
    with bound(sender):
        assert trace_id() == CALLER
    assert parent_of(sender) == Parent(CALLER, "00f067aa0ba902b7", is_sampled=True)
    parent = parent_of(f"{sender[:-1]}2")
    assert parent
    assert not parent.is_sampled


@pytest.mark.parametrize("sender", [None, "", "0" * 32, "not an id", CALLER.upper()])
def test_a_task_without_a_sender_gets_a_new_id(sender: str | None) -> None:
    with bound(sender) as inner:
        assert re.fullmatch("[0-9a-f]{32}", inner)
        assert inner not in {sender, "0" * 32}


def test_the_id_is_given_back_when_the_task_fails() -> None:
    before = start_trace(None)
    with pytest.raises(ZeroDivisionError), bound(CALLER):
        raise ZeroDivisionError
    assert trace_id() == before


def test_threads_do_not_see_each_others_ids() -> None:
    start_trace(f"00-{CALLER}-00f067aa0ba902b7-01")
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(trace_id()))
    thread.start()
    thread.join()
    assert seen == [""]
