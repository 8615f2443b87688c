"""portal.E010: no page of the admin saves past the gate, and every action says who may press it."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from unfold.admin import ModelAdmin as UnfoldAdmin
from unfold.decorators import action

from audit.governed_admin import GovernedAdmin
from audit.models import Checkpoint
from incidents.models import TimelineEntry
from portal.checks import admin_asks_services

Register = Callable[[type[ModelAdmin]], list[str]]


@pytest.fixture
def register() -> Iterator[Register]:
    """Registers an admin of a governed model and returns what the check says of it."""

    def registered(kind: type[ModelAdmin]) -> list[str]:
        admin.site.register(TimelineEntry, kind)
        return [error.msg for error in admin_asks_services(None)]

    yield registered
    admin.site.unregister(TimelineEntry)


class Silent(GovernedAdmin):
    """Goes through the gate, as it should."""


class Closed(UnfoldAdmin):
    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False


class Open(UnfoldAdmin):
    """Saves past the gate."""


class HalfOpen(Closed):
    def has_delete_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return True


class Editable(Closed):
    list_display = ("id", "text")
    list_editable = ("text",)


class Unpermitted(Closed):
    actions = ("shout",)
    actions_detail = ("whisper",)
    actions_row = ("nod",)

    @admin.action(description="Shout")
    def shout(self, _request: HttpRequest, _rows: object) -> None: ...

    @action(description="Whisper")
    def whisper(self, _request: HttpRequest, object_id: int) -> None: ...

    @action(description="Nod", permissions=["incidents.respond_incident"])
    def nod(self, _request: HttpRequest, object_id: int) -> None: ...


def test_the_admin_as_it_is_asks_services() -> None:
    assert admin_asks_services(None) == []


def test_it_touches_no_database() -> None:
    # Without the `db` fixture a query would fail.
    assert admin_asks_services(None) == []


@pytest.mark.parametrize("kind", [Silent, Closed])
def test_a_governed_or_a_read_only_admin_is_fine(
    register: Register, kind: type[ModelAdmin]
) -> None:
    assert register(kind) == []


@pytest.mark.parametrize("kind", [Open, HalfOpen])
def test_an_admin_that_would_save_is_found(register: Register, kind: type[ModelAdmin]) -> None:
    assert register(kind) == [
        f"{kind.__name__} is neither read-only nor a GovernedAdmin, and would save past the gate"
    ]


def test_an_editable_list_is_found(register: Register) -> None:
    assert register(Editable) == ["Editable has list_editable, which saves past the gate"]


def test_actions_without_permissions_are_found_wherever_they_are(register: Register) -> None:
    assert register(Unpermitted) == [
        "Unpermitted has the action shout, which declares no permissions",
        "Unpermitted has the action incidents_timelineentry_whisper, which declares no permissions",
    ]


def test_the_sites_own_bulk_delete_is_found_should_it_come_back(register: Register) -> None:
    admin.site.add_action(admin.actions.delete_selected)
    try:
        errors = register(Closed)
    finally:
        admin.site.disable_action("delete_selected")
    assert "Closed offers delete_selected, which deletes past the gate" in errors


def test_what_the_application_cannot_write_may_be_shown(register: Register) -> None:
    admin.site.register(Checkpoint, Closed)
    try:
        assert register(Closed) == []
    finally:
        admin.site.unregister(Checkpoint)
