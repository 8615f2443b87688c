from django.urls import path, register_converter

from incidents.numbers import IncidentNumber
from incidents.pages.action_items import (
    AddItem,
    ChangeItem,
    CompleteItem,
    DropItem,
    ReopenItem,
)
from incidents.pages.attachments import AttachmentFile, AttachmentImage
from incidents.pages.bulk import AcknowledgeSeveral, HandOver
from incidents.pages.checklist import AddCheck, AssignCheck, CompleteCheck, ReopenCheck, SkipCheck
from incidents.pages.contacts import (
    AddContact,
    ConfirmContact,
    ContactMethods,
    RemoveContact,
    TestContact,
)
from incidents.pages.containment import Record, Reverse
from incidents.pages.dashboard import DashboardLive
from incidents.pages.evidence import Preserve, Release
from incidents.pages.handovers import Accept, Decline, Offer, Take, Withdraw
from incidents.pages.impact import Propose
from incidents.pages.measures import MeasuresCsv, MeasuresPage, PagesCsv
from incidents.pages.moves import Assign, ChangeSeverity, Move, PauseClock, ResumeClock, TakeCommand
from incidents.pages.my_actions import MyActions
from incidents.pages.notes import AddNote, CorrectNote, Pin, Unpin
from incidents.pages.notifications import NotificationDetail, Resend, SetAside
from incidents.pages.postmortem import (
    AcceptPostmortem,
    PostmortemLive,
    PostmortemPage,
    SendBackPostmortem,
    SubmitPostmortem,
)
from incidents.pages.postmortem_export import PostmortemMarkdown, PostmortemPdf
from incidents.pages.postmortem_list import PostmortemList, SimilarIncidents
from incidents.pages.postmortem_parts import AddWhy, ChangeWhy, EditSection, RemoveWhy
from incidents.pages.receipts import ReceiptDetail
from incidents.pages.report import Report
from incidents.pages.restriction import LetIn, RemovePerson, Restrict, Unrestrict
from incidents.pages.slack import Interactions
from incidents.pages.updates import Publish
from incidents.pages.war_room import OlderAlerts, OlderEntries, WarRoom, WarRoomLive

register_converter(IncidentNumber, "number")

app_name = "incidents"
_ONE = "incidents/<number:number>/"
_NOTIFICATION = "incidents/notifications/<uuid:public_id>/"
_CONTACT = "contact-methods/<int:contact>/"
urlpatterns = [
    path("incidents/live/", DashboardLive.as_view(), name="dashboard-live"),
    path("incidents/metrics/", MeasuresPage.as_view(), name="measures"),
    path("incidents/metrics.csv", MeasuresCsv.as_view(), name="measures-csv"),
    path("incidents/metrics-pages.csv", PagesCsv.as_view(), name="measures-pages-csv"),
    path("incidents/propose/", Propose.as_view(), name="propose"),
    path("incidents/actions/", MyActions.as_view(), name="actions"),
    path("incidents/postmortems/", PostmortemList.as_view(), name="postmortem-list"),
    path("incidents/acknowledge/", AcknowledgeSeveral.as_view(), name="acknowledge-several"),
    path("incidents/hand-over/", HandOver.as_view(), name="hand-over"),
    path("incidents/report/", Report.as_view(), name="incident-report"),
    path("incidents/receipts/<uuid:public_id>/", ReceiptDetail.as_view(), name="receipt-detail"),
    path("slack/interactions", Interactions.as_view(), name="slack-interactions"),
    path("contact-methods/", ContactMethods.as_view(), name="contact-methods"),
    path("contact-methods/add/", AddContact.as_view(), name="contact-add"),
    path(f"{_CONTACT}test/", TestContact.as_view(), name="contact-test"),
    path(f"{_CONTACT}confirm/", ConfirmContact.as_view(), name="contact-confirm"),
    path(f"{_CONTACT}remove/", RemoveContact.as_view(), name="contact-remove"),
    path(_NOTIFICATION, NotificationDetail.as_view(), name="notification"),
    path(f"{_NOTIFICATION}resend/", Resend.as_view(), name="notification-resend"),
    path(f"{_NOTIFICATION}set-aside/", SetAside.as_view(), name="notification-set-aside"),
    path(_ONE, WarRoom.as_view(), name="incident-detail"),
    path(f"{_ONE}live/", WarRoomLive.as_view(), name="incident-live"),
    path(f"{_ONE}timeline/", OlderEntries.as_view(), name="timeline-older"),
    path(f"{_ONE}timeline/add/", AddNote.as_view(), name="note-add"),
    path(f"{_ONE}timeline/<int:entry>/correct/", CorrectNote.as_view(), name="note-correct"),
    path(f"{_ONE}timeline/<int:entry>/pin/", Pin.as_view(), name="entry-pin"),
    path(f"{_ONE}timeline/<int:entry>/unpin/", Unpin.as_view(), name="entry-unpin"),
    path(f"{_ONE}files/<int:attachment>/", AttachmentFile.as_view(), name="attachment"),
    path(
        f"{_ONE}files/<int:attachment>/image/", AttachmentImage.as_view(), name="attachment-image"
    ),
    path(f"{_ONE}alerts/", OlderAlerts.as_view(), name="alerts-older"),
    path(f"{_ONE}severity/", ChangeSeverity.as_view(), name="incident-severity"),
    path(f"{_ONE}roles/", Assign.as_view(), name="role-assign"),
    path(f"{_ONE}command/", TakeCommand.as_view(), name="take-command"),
    path(f"{_ONE}roles/offer/", Offer.as_view(), name="role-offer"),
    path(f"{_ONE}roles/take/", Take.as_view(), name="role-take"),
    path(f"{_ONE}roles/offers/<int:offer>/accept/", Accept.as_view(), name="role-accept"),
    path(f"{_ONE}roles/offers/<int:offer>/decline/", Decline.as_view(), name="role-decline"),
    path(f"{_ONE}roles/offers/<int:offer>/withdraw/", Withdraw.as_view(), name="role-withdraw"),
    path(f"{_ONE}checklist/add/", AddCheck.as_view(), name="check-add"),
    path(f"{_ONE}checklist/<int:item>/done/", CompleteCheck.as_view(), name="check-done"),
    path(f"{_ONE}checklist/<int:item>/assign/", AssignCheck.as_view(), name="check-assign"),
    path(f"{_ONE}checklist/<int:item>/skip/", SkipCheck.as_view(), name="check-skip"),
    path(f"{_ONE}checklist/<int:item>/reopen/", ReopenCheck.as_view(), name="check-reopen"),
    path(f"{_ONE}containment/record/", Record.as_view(), name="containment-record"),
    path(f"{_ONE}containment/<int:pk>/reverse/", Reverse.as_view(), name="containment-reverse"),
    path(f"{_ONE}restrict/", Restrict.as_view(), name="restrict"),
    path(f"{_ONE}unrestrict/", Unrestrict.as_view(), name="unrestrict"),
    path(f"{_ONE}let-in/", LetIn.as_view(), name="let-in"),
    path(f"{_ONE}let-in/<int:user>/remove/", RemovePerson.as_view(), name="remove-person"),
    path(f"{_ONE}evidence/hold/", Preserve.as_view(), name="evidence-hold"),
    path(f"{_ONE}evidence/release/", Release.as_view(), name="evidence-release"),
    path(f"{_ONE}updates/", Publish.as_view(), name="update-publish"),
    path(f"{_ONE}clocks/<slug:kind>/pause/", PauseClock.as_view(), name="clock-pause"),
    path(f"{_ONE}clocks/<slug:kind>/resume/", ResumeClock.as_view(), name="clock-resume"),
    path(f"{_ONE}similar/", SimilarIncidents.as_view(), name="similar"),
    path(f"{_ONE}postmortem/", PostmortemPage.as_view(), name="postmortem"),
    path(f"{_ONE}postmortem/live/", PostmortemLive.as_view(), name="postmortem-live"),
    path(f"{_ONE}postmortem.md", PostmortemMarkdown.as_view(), name="postmortem-markdown"),
    path(f"{_ONE}postmortem.pdf", PostmortemPdf.as_view(), name="postmortem-pdf"),
    path(f"{_ONE}postmortem/submit/", SubmitPostmortem.as_view(), name="postmortem-submit"),
    path(f"{_ONE}postmortem/back/", SendBackPostmortem.as_view(), name="postmortem-send-back"),
    path(f"{_ONE}postmortem/accept/", AcceptPostmortem.as_view(), name="postmortem-accept"),
    path(f"{_ONE}postmortem/whys/add/", AddWhy.as_view(), name="why-begin"),
    path(f"{_ONE}postmortem/whys/<int:why>/add/", AddWhy.as_view(), name="why-add"),
    path(f"{_ONE}postmortem/whys/<int:why>/change/", ChangeWhy.as_view(), name="why-change"),
    path(f"{_ONE}postmortem/whys/<int:why>/remove/", RemoveWhy.as_view(), name="why-remove"),
    path(f"{_ONE}postmortem/items/add/", AddItem.as_view(), name="item-add"),
    path(f"{_ONE}postmortem/items/<int:item>/change/", ChangeItem.as_view(), name="item-change"),
    path(f"{_ONE}postmortem/items/<int:item>/done/", CompleteItem.as_view(), name="item-done"),
    path(f"{_ONE}postmortem/items/<int:item>/drop/", DropItem.as_view(), name="item-drop"),
    path(f"{_ONE}postmortem/items/<int:item>/reopen/", ReopenItem.as_view(), name="item-reopen"),
    path(f"{_ONE}postmortem/<slug:section>/", EditSection.as_view(), name="postmortem-section"),
    path(f"{_ONE}move/<slug:name>/", Move.as_view(), name="incident-move"),
]
