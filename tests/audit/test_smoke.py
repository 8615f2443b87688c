import pytest
from django.db import IntegrityError, transaction
from audit.protection import unprotected
from audit.models import User, Event
from audit.principal import person, system
from incidents.models import *
from incidents.ingest.types import NormalizedAlert
from incidents.services.alerts import alerts_receive
from incidents.services.incidents import incident_transition
from incidents.services.postmortems import *
from incidents.tasks import drain_receipts
from portal.first_run import first_run

@pytest.mark.django_db
def test_protection():
    assert unprotected() == []

def test_all(committed_db):
    with pytest.raises(IntegrityError, match="unaudited"):
        with transaction.atomic():
            User.objects.create_user("ada", password="x")
    assert User.objects.count() == 0
    c = first_run()
    assert c
    assert first_run() is None
    u = person(User.objects.get(username="commander"))
    r = person(User.objects.get(username="responder"))
    s = Source.objects.get()
    alerts_receive(source=s, alerts=[NormalizedAlert(dedup_key="k", summary="Boom", severity_text="critical", service="api")], body_sha256=b"1"*32, by=system("x")) if 0 else None
    from audit.authentication import token_for
    from audit.principal import client
    t = client(token_for(c.token))
    alerts_receive(source=s, alerts=[NormalizedAlert(dedup_key="k", summary="Boom", severity_text="critical", service="api")], body_sha256=b"1"*32, by=t)
    drain_receipts()
    i = Incident.objects.get()
    for name in "classify notify acknowledge contain investigate fix verify document postmortem".split():
        i = incident_transition(incident=i, name=name, by=u, reason="because")
    p = postmortem_write(incident=i, by=r, fields=dict.fromkeys(FIELDS, "x"), version=0)
    postmortem_accept(postmortem=p, by=u, version=1)
    i = incident_transition(incident=i, name="close", by=u, reason="because")
    for e in Event.objects.order_by("id"):
        print(e.id, e.event, e.actor, e.target, len(e.entry))
    print(bytes(e.entry).decode())
    for l in ClockLeg.objects.all(): print(l, l.began_at, l.target_at)
    for l in TimelineEntry.objects.all(): print(l.kind, l.author, l.text)
    print(i.history.all())
