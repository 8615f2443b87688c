"""Past postmortems: found by their words, suggested beside an incident, taken along as files."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from audit.rows import row_save
from incidents.export import pdf
from incidents.export.document import gather
from incidents.export.markdown import escaped, paragraphs
from incidents.models import Incident, Postmortem, Service
from incidents.postmortem_template import digest
from incidents.procedure import State
from incidents.selectors.postmortem_search import MAX_TEXT, marked, postmortem_list
from incidents.selectors.similar import SHOWN, similar_to
from incidents.services.incidents import incident_open
from incidents.services.postmortems import section_write
from tests.incidents.arranging import restrict
from tests.incidents.making import accepted, in_state, item, written
from tests.incidents.pages.conftest import SignIn, sign_in  # noqa: F401 - a fixture
from tests.people import TESTS, Cast


def about(cast: Cast, text: str) -> Postmortem:
    postmortem = written(cast, in_state(cast, State.POSTMORTEM))
    return section_write(
        incident=postmortem.incident,
        by=cast.principal("responder"),
        section="root_cause",
        text=text,
        seen=digest("Words."),
    )


def found(cast: Cast, text: str, who: str = "commander") -> list[int]:
    rows, _more = postmortem_list(getattr(cast, who), text, limit=10)
    return [row.postmortem.pk for row in rows]


# --- Search -----------------------------------------------------------------------------------------


def test_they_are_found_by_words_phrases_and_what_they_lack(cast: Cast) -> None:
    pool = about(cast, "The connection pool was saturated.")
    disk = about(cast, "The disks were saturated.")
    assert found(cast, "saturated pools") == [pool.pk]
    assert found(cast, '"connection pool"') == [pool.pk]
    assert found(cast, '"pool connection"') == []
    assert found(cast, "saturated -disk") == [pool.pk]
    assert found(cast, "pool or disk") == [disk.pk, pool.pk]
    assert found(cast, "") == [disk.pk, pool.pk]


@pytest.mark.parametrize(
    "text", ["'", "& | ! <->", '"', "a:*", "\\", "(", "%", "x" * MAX_TEXT, "the"]
)
def test_no_text_breaks_the_search(cast: Cast, sign_in: SignIn, text: str) -> None:  # noqa: F811
    about(cast, "Pool.")
    page = sign_in("commander").get(reverse("incidents:postmortem-list"), {"q": f"{text}\0"})
    assert page.status_code == 200


def test_a_restricted_one_is_found_by_those_let_in_alone(cast: Cast) -> None:
    secret = about(cast, "A leaked key.")
    restrict(secret.incident, cast.responder)
    assert found(cast, "leaked") == []
    assert found(cast, "") == []
    assert found(cast, "leaked", "responder") == [secret.pk]
    assert found(cast, "leaked", "outsider") == []


def test_what_was_found_is_marked_and_nothing_else_is_markup(cast: Cast) -> None:
    about(cast, "<script>alert(1)</script> saturated <mark>x</mark> \ue000saturated\ue001")
    rows, _more = postmortem_list(cast.commander, "saturated", limit=10)
    excerpt = rows[0].excerpt
    assert "<mark>saturated</mark>" in excerpt
    assert set(re.findall(r"<[^>]*>", excerpt)) <= {"<mark>", "</mark>"}
    assert "\ue000" not in excerpt


@given(st.text(alphabet="\ue000\ue001<>&ab"))
def test_marks_are_balanced_whatever_was_typed(excerpt: str) -> None:
    html = marked(excerpt)
    tags = re.findall(r"<[^>]*>", html)
    assert tags == ["<mark>", "</mark>"] * (len(tags) // 2)


def test_pages_are_without_gaps_and_cost_the_same(cast: Cast) -> None:
    made = [about(cast, f"Pool {number}").pk for number in range(5)]
    first, more = postmortem_list(cast.commander, "pool", limit=2)
    rest, no_more = postmortem_list(
        cast.commander, "pool", before=first[-1].postmortem.pk, limit=10
    )
    assert [row.postmortem.pk for row in [*first, *rest]] == made[::-1]
    assert (more, no_more) == (True, False)
    counts = []
    for limit in (1, 5):
        with CaptureQueriesContext(connection) as queries:
            postmortem_list(cast.commander, "pool", limit=limit)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- Similar ones -----------------------------------------------------------------------------------


def opened_as(cast: Cast, title: str, service: Service | None = None, **more: object) -> Incident:
    incident = Incident(title=title, severity="P2", service=service, **more)
    return incident_open(incident=incident, by=cast.principal("commander"))


@pytest.fixture
def api(cast: Cast) -> Service:
    service = Service(slug="checkout", name="Checkout")
    row_save(instance=service, by=TESTS)
    return service


def test_similar_ones_say_why(cast: Cast, api: Service) -> None:
    alike = opened_as(cast, "Checkout answers with 502 in the EU", api)
    same_service = opened_as(cast, "Slow reports", api)
    told = about(cast, "Checkout had no connections left.").incident
    opened_as(cast, "Typo on a page")
    opened_as(cast, "Checkout answers with 502 in the US", api, is_drill=True)
    now = opened_as(cast, "Checkout answers with 502 in the UK", api)
    similar = {each.incident: each.reasons for each in similar_to(cast.commander, now)}
    assert similar[alike][0].startswith("Similar title")
    assert "Same service" in similar[alike]
    assert similar[same_service] == ["Same service"]
    assert "Its postmortem speaks of the same" in similar[told]
    assert len(similar) == 3
    assert next(iter(similar)) == alike


def test_a_restricted_one_is_suggested_to_nobody_else(cast: Cast, api: Service) -> None:
    restrict(opened_as(cast, "Checkout answers with 502 in the EU", api), cast.responder)
    now = opened_as(cast, "Checkout answers with 502 in the UK", api)
    assert similar_to(cast.commander, now) == []
    assert len(similar_to(cast.responder, now)) == 1


def test_there_are_few_at_one_cost(cast: Cast, api: Service, sign_in: SignIn) -> None:  # noqa: F811
    counts = []
    for _ in range(2):
        for number in range(SHOWN + 1):
            opened_as(cast, f"Checkout answers with 502 in zone {number}", api)
        now = opened_as(cast, "Checkout answers with 502 in the UK", api)
        with CaptureQueriesContext(connection) as queries:
            assert len(similar_to(cast.commander, now)) == SHOWN
        counts.append(len(queries))
    assert counts[0] == counts[1]
    page = sign_in("commander").get(reverse("incidents:similar", args=[now.pk]))
    assert page.text.count("<li>") == SHOWN


@pytest.mark.parametrize("title", ["'", "\\ ' | & !", "the of", "502", ":*", "é 漢字"])
def test_no_title_breaks_it(cast: Cast, title: str) -> None:
    about(cast, "Pool.")
    similar_to(cast.commander, opened_as(cast, title))


# --- Files ------------------------------------------------------------------------------------------

render = MarkdownIt("commonmark").enable("table")


def said(markdown: str) -> str:
    """The text of what is rendered, and nothing but text: any markup of its own is an error."""
    tokens = render.parse(markdown)
    inline = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for token in inline for child in token.children or []}
    assert kinds <= {"text", "text_special", "hardbreak"}, (markdown, kinds)
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    return "\n\n".join(
        "".join(
            "\n" if child.type == "hardbreak" else child.content for child in token.children or []
        )
        for token in inline
    )


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])))
def test_what_was_typed_reads_the_same_in_markdown(text: str) -> None:
    line = " ".join(text.split())
    assert said(escaped(text)) == line


@pytest.mark.parametrize(
    "text",
    [
        "# x",
        "- x",
        "1. x",
        "1) x",
        "+ x",
        "> x",
        "---",
        "===",
        "***",
        "```",
        "[x](http://y)",
        "![x](y)",
        "<b>x</b>",
        "&amp;",
        "a | b",
        "\\",
        "*x*",
        "__x__",
    ],
)
def test_nothing_that_was_typed_is_markup(text: str) -> None:
    assert said(escaped(text)) == text
    assert said(paragraphs(f"a\n{text}\n\n{text}")) == f"a\n{text}\n\n{text}"


def test_the_files_hold_all_of_it(cast: Cast, sign_in: SignIn) -> None:  # noqa: F811
    incident = in_state(cast, State.POSTMORTEM)
    accepted(cast, incident)
    client = sign_in("auditor")
    text = client.get(reverse("incidents:postmortem-markdown", args=[incident.pk]))
    assert text["Content-Disposition"] == (
        f'attachment; filename="{incident.number}-postmortem.md"'
    )
    for words in ("# Postmortem of", "It was full.", "Alert earlier", "## Timeline", "approver"):
        assert words in text.content.decode()
    file = client.get(reverse("incidents:postmortem-pdf", args=[incident.pk]))
    assert (file["Content-Type"], file.content[:5]) == ("application/pdf", b"%PDF-")


def test_a_pdf_takes_whatever_was_typed(cast: Cast) -> None:
    postmortem = about(cast, "漢字 \u202e ﷽ 🙂 " + "x" * 3000 + "\n" * 50 + "Ąčç Ωμέγα Дно")
    item(cast, postmortem, text="y" * 9000)
    assert pdf.write(gather(postmortem.incident, postmortem)).startswith(b"%PDF-")


def test_before_it_is_written_there_is_no_file(cast: Cast, sign_in: SignIn) -> None:  # noqa: F811
    incident = in_state(cast, State.POSTMORTEM)
    for name in ("postmortem-markdown", "postmortem-pdf"):
        page = sign_in("auditor").get(reverse(f"incidents:{name}", args=[incident.pk]))
        assert page.status_code == 404
