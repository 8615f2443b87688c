"""What a postmortem is: sections that two people write at once, a tree of whys, review by a second."""

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from incidents.models import Postmortem, PostmortemWords, Why
from incidents.postmortem_template import MAX_DEPTH, MAX_FACTOR, MAX_FACTORS, digest
from incidents.procedure import State
from incidents.services.postmortems import (
    UNWRITTEN,
    SectionConflict,
    postmortem_accept,
    postmortem_send_back,
    postmortem_submit,
    section_write,
)
from incidents.services.whys import why_add, why_change, why_remove
from portal.lib.errors import Conflict, GovernanceDenied, ValidationFailed
from tests.incidents.making import accepted, in_state, item, submitted, written
from tests.people import Cast


@pytest.fixture
def draft(cast: Cast) -> Postmortem:
    return written(cast, in_state(cast, State.POSTMORTEM))


def write(
    cast: Cast,
    postmortem: Postmortem,
    section: str,
    text: str,
    seen: str,
    *,
    who: str = "commander",
) -> Postmortem:
    return section_write(
        incident=postmortem.incident,
        by=cast.principal(who),
        section=section,
        text=text,
        seen=seen,
    )


# --- Sections ---------------------------------------------------------------------------------------


def test_the_first_section_begins_it(cast: Cast) -> None:
    incident = in_state(cast, State.DOCUMENTING)
    begun = section_write(
        incident=incident,
        by=cast.principal("responder"),
        section="impact",
        text=" Half of it. \r\nFor an hour.",
        seen=UNWRITTEN,
    )
    assert (begun.version, begun.impact, begun.summary) == (1, "Half of it. \nFor an hour.", "")
    assert incident.timeline.filter(text="Postmortem begun").count() == 1


def test_two_people_write_two_sections_at_once(cast: Cast, draft: Postmortem) -> None:
    seen = digest("Words.")
    write(cast, draft, "summary", "Mine.", seen, who="responder")
    both = write(cast, draft, "impact", "Theirs.", seen)
    assert (both.summary, both.impact, both.version) == ("Mine.", "Theirs.", 3)


def test_of_two_in_one_section_the_second_sees_what_the_first_wrote(
    cast: Cast, draft: Postmortem
) -> None:
    seen = digest("Words.")
    write(cast, draft, "summary", "Theirs.", seen, who="responder")
    with pytest.raises(SectionConflict) as refused:
        write(cast, draft, "summary", "Mine.", seen)
    assert (refused.value.theirs, refused.value.section) == ("Theirs.", "summary")
    writer, _at = refused.value.postmortem.last_writer_of("summary")
    assert writer == cast.responder
    merged = write(cast, draft, "summary", "Both.", digest("Theirs."))
    assert merged.summary == "Both."


def test_who_wrote_a_section_last_is_found_below_changes_of_others(
    cast: Cast, draft: Postmortem
) -> None:
    write(cast, draft, "summary", "New.", digest("Words."), who="commander")
    now = write(cast, draft, "impact", "New.", digest("Words."), who="responder")
    assert now.last_writer_of("summary")[0] == cast.commander
    assert now.last_writer_of("lessons")[0] == cast.responder


def test_the_same_text_twice_is_no_conflict(cast: Cast, draft: Postmortem) -> None:
    write(cast, draft, "lucky", "Luck.", digest("Words."))
    assert write(cast, draft, "lucky", "Luck.", digest("Words.")).lucky == "Luck."


def test_contributing_factors_are_a_list(cast: Cast, draft: Postmortem) -> None:
    text = "- Load of the sale\n\n* No alert on the pool\nLate handover"
    found = write(cast, draft, "contributing_factors", text, digest(["Words."]))
    assert found.contributing_factors == [
        "Load of the sale",
        "No alert on the pool",
        "Late handover",
    ]


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("summary", "x" * 10_001),
        ("summary", "a\0b"),
        ("contributing_factors", "x" * (MAX_FACTOR + 1)),
        ("contributing_factors", "x\n" * (MAX_FACTORS + 1)),
    ],
)
def test_a_text_that_does_not_fit_is_refused_by_field(
    cast: Cast, draft: Postmortem, section: str, text: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        write(cast, draft, section, text, digest("Words."))
    assert refused.value.errors[0].field == section


# --- Whys -------------------------------------------------------------------------------------------


def ask(cast: Cast, postmortem: Postmortem, text: str, parent: Why | None = None) -> Why:
    return why_add(postmortem=postmortem, by=cast.principal("responder"), text=text, parent=parent)


def test_whys_branch(cast: Cast, draft: Postmortem) -> None:
    first = ask(cast, draft, "The pool was full.")
    left, right = ask(cast, draft, "Leak.", first), ask(cast, draft, "Load.", first)
    assert [(why.depth, why.position) for why in (first, left, right)] == [(1, 1), (2, 1), (2, 2)]
    draft.refresh_from_db()
    assert draft.version == 4


def test_there_is_an_end_to_asking(cast: Cast, draft: Postmortem) -> None:
    why = None
    for depth in range(MAX_DEPTH):
        why = ask(cast, draft, f"Because {depth}.", why)
    with pytest.raises(ValidationFailed, match="deep is enough"):
        ask(cast, draft, "Because.", why)


def test_a_why_is_changed_and_a_stale_change_shows_what_stands_there(
    cast: Cast, draft: Postmortem
) -> None:
    why = ask(cast, draft, "Old.")
    by = cast.principal("commander")
    why_change(postmortem=draft, by=by, why=why, text="New.", seen=digest("Old."))
    with pytest.raises(Conflict, match="It now reads: New"):
        why_change(postmortem=draft, by=by, why=why, text="Mine.", seen=digest("Old."))
    assert Why.objects.get().text == "New."


def test_an_answer_goes_only_after_those_below_it(cast: Cast, draft: Postmortem) -> None:
    first = ask(cast, draft, "First.")
    second = ask(cast, draft, "Second.", first)
    by = cast.principal("responder")
    with pytest.raises(Conflict, match="answers below"):
        why_remove(postmortem=draft, by=by, why=first)
    why_remove(postmortem=draft, by=by, why=second)
    why_remove(postmortem=draft, by=by, why=first)
    assert not Why.objects.exists()
    with pytest.raises(Conflict, match="has removed this why"):
        ask(cast, draft, "Third.", first)


def test_the_database_keeps_the_tree_a_tree(cast: Cast, draft: Postmortem) -> None:
    first = ask(cast, draft, "First.")
    second = ask(cast, draft, "Second.", first)
    other = written(cast, in_state(cast, State.POSTMORTEM))
    bad = [
        {"postmortem": other, "parent": first, "depth": 2},
        {"postmortem": draft, "parent": first, "depth": 3},
        {"postmortem": draft, "parent": None, "depth": 2},
        {"postmortem": draft, "parent": None, "depth": 0},
    ]
    for fields in bad:
        with pytest.raises(IntegrityError), transaction.atomic():
            Why.objects.create(position=1, text="x", **fields)
    with pytest.raises(IntegrityError, match="stays where it was"), transaction.atomic():
        Why.objects.filter(pk=first.pk).update(parent=second, depth=3)
    with pytest.raises(IntegrityError, match="says_something"), transaction.atomic():
        Why.objects.create(postmortem=draft, position=1, text="")


# --- Review -----------------------------------------------------------------------------------------


def test_review_says_all_that_is_missing(cast: Cast) -> None:
    incident = in_state(cast, State.POSTMORTEM)
    by = cast.principal("responder")
    begun = section_write(
        incident=incident, by=by, section="summary", text="It broke.", seen=UNWRITTEN
    )
    with pytest.raises(ValidationFailed) as refused:
        postmortem_submit(postmortem=begun, by=by, version=1)
    assert [error.message for error in refused.value.errors] == [
        "Impact is empty.",
        "Root cause is empty.",
        "No why has been asked.",
        "There is no action item.",
    ]


def test_it_is_sent_back_with_a_reason_and_comes_again(cast: Cast) -> None:
    postmortem = submitted(cast, in_state(cast, State.POSTMORTEM))
    approver = cast.principal("approver")
    back = postmortem_send_back(
        postmortem=postmortem, by=approver, version=3, reason="Who was affected?"
    )
    assert (back.status, back.sent_back, back.version) == ("Draft", "Who was affected?", 3)
    with pytest.raises(Conflict, match="not in review"):
        postmortem_accept(postmortem=postmortem, by=approver, version=3)
    rewritten = write(cast, postmortem, "impact", "All.", digest("Words."), who="responder")
    by = cast.principal("responder")
    again = postmortem_submit(postmortem=rewritten, by=by, version=4)
    assert (again.status, again.sent_back) == ("In review", None)
    # Whoever sent it back wrote no part of it.
    done = postmortem_accept(postmortem=again, by=approver, version=4)
    assert done.status == "Accepted"


def test_nobody_accepts_what_they_wrote_a_part_of(cast: Cast) -> None:
    postmortem = submitted(cast, in_state(cast, State.POSTMORTEM), author="commander")
    # The responder writes last, so the commander is not its last author any more.
    write(cast, postmortem, "lessons", "Many.", digest("Words."), who="responder")
    with pytest.raises(GovernanceDenied, match="second person"):
        postmortem_accept(postmortem=postmortem, by=cast.principal("commander"), version=4)
    accepted = postmortem_accept(postmortem=postmortem, by=cast.principal("approver"), version=4)
    assert accepted.accepted_by == cast.approver


def test_the_database_knows_the_writers_too(cast: Cast) -> None:
    postmortem = submitted(cast, in_state(cast, State.POSTMORTEM), author="commander")
    write(cast, postmortem, "lessons", "Many.", digest("Words."), who="responder")
    with pytest.raises(IntegrityError, match="wrote a part"), transaction.atomic():
        Postmortem.objects.filter(pk=postmortem.pk).update(
            accepted_by=cast.commander, accepted_at=postmortem.written_at
        )


def test_review_is_of_one_version(cast: Cast) -> None:
    postmortem = submitted(cast, in_state(cast, State.POSTMORTEM))
    by = cast.principal("approver")
    for version in (2, 4):
        with pytest.raises(Conflict, match="rewritten since"):
            postmortem_accept(postmortem=postmortem, by=by, version=version)
        with pytest.raises(Conflict, match="rewritten since"):
            postmortem_send_back(postmortem=postmortem, by=by, version=version, reason="x")
    with pytest.raises(Conflict, match="in review already"):
        postmortem_submit(postmortem=postmortem, by=cast.principal("responder"), version=3)


def test_once_accepted_nothing_of_it_changes(cast: Cast) -> None:
    postmortem = accepted(cast, in_state(cast, State.POSTMORTEM))
    why = postmortem.whys.get()
    by = cast.principal("responder")
    for change in (
        lambda: write(cast, postmortem, "summary", "New.", digest("Words.")),
        lambda: ask(cast, postmortem, "Why?"),
        lambda: why_change(postmortem=postmortem, by=by, why=why, text="x", seen=digest(why.text)),
        lambda: why_remove(postmortem=postmortem, by=by, why=why),
        lambda: item(cast, postmortem),
        lambda: postmortem_submit(postmortem=postmortem, by=by, version=3),
    ):
        with pytest.raises(Conflict, match="no longer changes"):
            change()
    for change in (
        lambda: Postmortem.objects.filter(pk=postmortem.pk).update(summary="x"),
        lambda: Postmortem.objects.filter(pk=postmortem.pk).update(accepted_at=None),
        lambda: Why.objects.filter(pk=why.pk).update(text="x"),
        lambda: Why.objects.filter(pk=why.pk).delete(),
        lambda: Why.objects.create(postmortem=postmortem, position=2, text="x"),
    ):
        with pytest.raises(IntegrityError, match="no longer change"), transaction.atomic():
            change()


def test_what_it_is_searched_by_follows_what_it_says(cast: Cast, draft: Postmortem) -> None:
    why = ask(cast, draft, "Saturated pool")
    item(cast, draft, text="Watch the queue")
    write(cast, draft, "lucky", "Sunday", digest("Words."))
    body = PostmortemWords.objects.get(postmortem=draft).body
    for words in (draft.incident.title, "Saturated pool", "Watch the queue", "Sunday"):
        assert words in body
    why_remove(postmortem=draft, by=cast.principal("responder"), why=why)
    assert "Saturated" not in PostmortemWords.objects.get(postmortem=draft).body


def test_the_words_are_written_by_the_database_alone(cast: Cast, draft: Postmortem) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        PostmortemWords.objects.update(body="x")
