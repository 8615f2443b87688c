from django.urls import path, register_converter

from incidents.numbers import IncidentNumber
from incidents.pages.dashboard import DashboardLive
from incidents.pages.evidence import Preserve, Release
from incidents.pages.impact import Propose
from incidents.pages.measures import MeasuresCsv, MeasuresPage
from incidents.pages.moves import Assign, ChangeSeverity, Move, PauseClock, ResumeClock, TakeCommand
from incidents.pages.notes import AddNote, CorrectNote
from incidents.pages.postmortem import AcceptPostmortem, PostmortemPage
from incidents.pages.receipts import ReceiptDetail
from incidents.pages.report import Report
from incidents.pages.restriction import LetIn, RemovePerson, Restrict, Unrestrict
from incidents.pages.updates import Publish
from incidents.pages.war_room import OlderAlerts, OlderEntries, WarRoom, WarRoomLive

register_converter(IncidentNumber, "number")

app_name = "incidents"
_ONE = "incidents/<number:number>/"
urlpatterns = [
    path("incidents/live/", DashboardLive.as_view(), name="dashboard-live"),
    path("incidents/metrics/", MeasuresPage.as_view(), name="measures"),
    path("incidents/metrics.csv", MeasuresCsv.as_view(), name="measures-csv"),
    path("incidents/propose/", Propose.as_view(), name="propose"),
    path("incidents/report/", Report.as_view(), name="incident-report"),
    path("incidents/receipts/<uuid:public_id>/", ReceiptDetail.as_view(), name="receipt-detail"),
    path(_ONE, WarRoom.as_view(), name="incident-detail"),
    path(f"{_ONE}live/", WarRoomLive.as_view(), name="incident-live"),
    path(f"{_ONE}timeline/", OlderEntries.as_view(), name="timeline-older"),
    path(f"{_ONE}timeline/add/", AddNote.as_view(), name="note-add"),
    path(f"{_ONE}timeline/<int:entry>/correct/", CorrectNote.as_view(), name="note-correct"),
    path(f"{_ONE}alerts/", OlderAlerts.as_view(), name="alerts-older"),
    path(f"{_ONE}severity/", ChangeSeverity.as_view(), name="incident-severity"),
    path(f"{_ONE}roles/", Assign.as_view(), name="role-assign"),
    path(f"{_ONE}command/", TakeCommand.as_view(), name="take-command"),
    path(f"{_ONE}restrict/", Restrict.as_view(), name="restrict"),
    path(f"{_ONE}unrestrict/", Unrestrict.as_view(), name="unrestrict"),
    path(f"{_ONE}let-in/", LetIn.as_view(), name="let-in"),
    path(f"{_ONE}let-in/<int:user>/remove/", RemovePerson.as_view(), name="remove-person"),
    path(f"{_ONE}evidence/hold/", Preserve.as_view(), name="evidence-hold"),
    path(f"{_ONE}evidence/release/", Release.as_view(), name="evidence-release"),
    path(f"{_ONE}updates/", Publish.as_view(), name="update-publish"),
    path(f"{_ONE}clocks/<slug:kind>/pause/", PauseClock.as_view(), name="clock-pause"),
    path(f"{_ONE}clocks/<slug:kind>/resume/", ResumeClock.as_view(), name="clock-resume"),
    path(f"{_ONE}postmortem/", PostmortemPage.as_view(), name="postmortem"),
    path(f"{_ONE}postmortem/accept/", AcceptPostmortem.as_view(), name="postmortem-accept"),
    path(f"{_ONE}move/<slug:name>/", Move.as_view(), name="incident-move"),
]
