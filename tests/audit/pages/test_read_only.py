"""Nothing on record can be edited or deleted through any page: not by anyone."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from audit.history import EventLink
from audit.models import Event, User
from audit.protection import EXEMPT, Protection, protection
from audit.rows import row_save
from incidents.models import Service
from tests.people import TESTS, Cast

ON_RECORD = [
    model
    for model in apps.get_models()
    if issubclass(model, EventLink)
    or protection(model) in {Protection.APPEND_ONLY, Protection.READ_ONLY}
]
VERBS = ("add/", "{pk}/change/", "{pk}/delete/", "{pk}/history/", "")


@pytest.fixture
def almighty(cast: Cast, client: Client) -> Client:
    """Somebody who holds every permission that there is."""
    group = Group(name="Almighty")
    row_save(
        instance=group,
        related=lambda: (
            group.permissions.set(Permission.objects.all()),
            cast.administrator.groups.add(group),
        ),
        by=TESTS,
    )
    client.force_login(User.objects.get(pk=cast.administrator.pk))
    return client


def test_the_record_is_in_the_list() -> None:
    names = {model._meta.label for model in ON_RECORD}
    assert {"audit.Event", "audit.Leaf", "incidents.HistoricalIncident"} <= names
    assert set(EXEMPT) - {"sessions.Session"} <= names


@pytest.mark.parametrize("model", ON_RECORD, ids=lambda model: model._meta.label)
def test_no_admin_is_registered_for_it(model: type[models.Model]) -> None:
    assert model not in admin.site._registry


@pytest.mark.parametrize("model", ON_RECORD, ids=lambda model: model._meta.label)
def test_no_address_of_the_admin_changes_it(almighty: Client, model: type[models.Model]) -> None:
    row_save(instance=Service(slug="api", name="API"), by=TESTS)
    pk = Event.objects.order_by("-id")[0].pk
    events = Event.objects.count()
    for verb in VERBS:
        address = f"/{model._meta.app_label}/{model._meta.model_name}/{verb.format(pk=pk)}"
        for answer in (almighty.get(address), almighty.post(address, {"post": "yes"})):
            assert answer.status_code in {403, 404}, address
    assert Event.objects.count() == events


def _patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern)
        else:
            yield pattern


def test_no_view_is_named_for_changing_it() -> None:
    """Whatever pages there will be: none of them adds, changes or deletes what is on record."""
    names = {str(pattern.name) for pattern in _patterns(get_resolver())}
    for model in ON_RECORD:
        stem = f"{model._meta.app_label}_{model._meta.model_name}"
        assert not {f"{stem}_{verb}" for verb in ("add", "change", "delete")} & names
