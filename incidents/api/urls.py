from django.urls import URLPattern, URLResolver, path, register_converter

from incidents.api.action_items import (
    CompleteItemView,
    DropItemView,
    ItemListView,
    ItemView,
    NewItemView,
    ReopenItemView,
)
from incidents.api.alerts import IncidentAlertsView
from incidents.api.bulk import AcknowledgeSeveralView, HandOverView
from incidents.api.checklist import (
    ChecklistAssignView,
    ChecklistCompleteView,
    ChecklistReopenView,
    ChecklistSkipView,
    ChecklistView,
)
from incidents.api.clocks import IncidentClocksView
from incidents.api.containment import ContainmentReverseView, ContainmentView
from incidents.api.detectors import AlertmanagerView, AlertsView
from incidents.api.evidence import EvidenceReleaseView, EvidenceView
from incidents.api.handovers import (
    HandoverAcceptView,
    HandoverDeclineView,
    HandoversView,
    HandoverWithdrawView,
    TakeRoleView,
)
from incidents.api.incidents import IncidentListView, IncidentView
from incidents.api.ledger import IncidentLedgerView
from incidents.api.moves import AssignView, ChangeSeverityView, MoveView
from incidents.api.notifications import (
    NotificationListView,
    NotificationView,
    ResendView,
    SetAsideView,
)
from incidents.api.postmortem import (
    AcceptView,
    PostmortemView,
    SectionView,
    SendBackView,
    SubmitView,
)
from incidents.api.receipts import ReceiptView
from incidents.api.restriction import LetInView, RemovePersonView, RestrictView, UnrestrictView
from incidents.api.timeline import AttachmentView, PinView, TimelineView
from incidents.api.updates import UpdatesView
from incidents.api.whys import WhysView, WhyView
from incidents.numbers import IncidentNumber
from incidents.procedure import NAMES

register_converter(IncidentNumber, "incident")

app_name = "incidents-api"
_ONE = "incidents/<incident:number>/"
_NOTIFICATION = "notifications/<uuid:public_id>/"
_ITEM = f"{_ONE}postmortem/items/<int:pk>/"
_CHECK = f"{_ONE}checklist/<int:pk>/"
_OFFER = f"{_ONE}handovers/<int:pk>/"

# Detectors are forgiven a missing slash: a redirect would cost them the body.
_detectors = [
    path(f"{name}{slash}", view.as_view(), name=f"{url_name}{suffix}")
    for name, view, url_name in (
        ("alerts", AlertsView, "alerts"),
        ("ingest/alertmanager", AlertmanagerView, "alertmanager"),
    )
    for slash, suffix in (("/", ""), ("", "-bare"))
]

urlpatterns: list[URLPattern | URLResolver] = [
    *_detectors,
    path("receipts/<uuid:public_id>/", ReceiptView.as_view(), name="receipt"),
    path("notifications/", NotificationListView.as_view(), name="notifications"),
    path(_NOTIFICATION, NotificationView.as_view(), name="notification"),
    path(f"{_NOTIFICATION}resend/", ResendView.as_view(), name="notification-resend"),
    path(f"{_NOTIFICATION}set-aside/", SetAsideView.as_view(), name="notification-set-aside"),
    path("incidents/", IncidentListView.as_view(), name="incident-list"),
    path("incidents/acknowledge/", AcknowledgeSeveralView.as_view(), name="acknowledge-several"),
    path("incidents/hand-over/", HandOverView.as_view(), name="hand-over"),
    path(_ONE, IncidentView.as_view(), name="incident-detail"),
    path(f"{_ONE}timeline/", TimelineView.as_view(), name="timeline"),
    path(f"{_ONE}timeline/<int:entry>/pin/", PinView.as_view(), name="entry-pin"),
    path(f"{_ONE}files/<int:attachment>/", AttachmentView.as_view(), name="attachment"),
    path(f"{_ONE}updates/", UpdatesView.as_view(), name="updates"),
    path(f"{_ONE}alerts/", IncidentAlertsView.as_view(), name="incident-alerts"),
    path(f"{_ONE}clocks/", IncidentClocksView.as_view(), name="clocks"),
    path(f"{_ONE}ledger/", IncidentLedgerView.as_view(), name="incident-ledger"),
    path(f"{_ONE}postmortem/", PostmortemView.as_view(), name="postmortem"),
    path(f"{_ONE}postmortem/accept/", AcceptView.as_view(), name="postmortem-accept"),
    path(f"{_ONE}postmortem/submit/", SubmitView.as_view(), name="postmortem-submit"),
    path(f"{_ONE}postmortem/send-back/", SendBackView.as_view(), name="postmortem-send-back"),
    path(
        f"{_ONE}postmortem/sections/<slug:section>/",
        SectionView.as_view(),
        name="postmortem-section",
    ),
    path(f"{_ONE}postmortem/whys/", WhysView.as_view(), name="whys"),
    path(f"{_ONE}postmortem/whys/<int:pk>/", WhyView.as_view(), name="why"),
    path(f"{_ONE}postmortem/items/", NewItemView.as_view(), name="item-add"),
    path(_ITEM, ItemView.as_view(), name="item"),
    path(f"{_ITEM}complete/", CompleteItemView.as_view(), name="item-complete"),
    path(f"{_ITEM}drop/", DropItemView.as_view(), name="item-drop"),
    path(f"{_ITEM}reopen/", ReopenItemView.as_view(), name="item-reopen"),
    path("action-items/", ItemListView.as_view(), name="items"),
    path(f"{_ONE}change-severity/", ChangeSeverityView.as_view(), name="change-severity"),
    path(f"{_ONE}assign/", AssignView.as_view(), name="assign"),
    path(f"{_ONE}take-role/", TakeRoleView.as_view(), name="take-role"),
    path(f"{_ONE}handovers/", HandoversView.as_view(), name="handovers"),
    path(f"{_OFFER}accept/", HandoverAcceptView.as_view(), name="handover-accept"),
    path(f"{_OFFER}decline/", HandoverDeclineView.as_view(), name="handover-decline"),
    path(f"{_OFFER}withdraw/", HandoverWithdrawView.as_view(), name="handover-withdraw"),
    path(f"{_ONE}checklist/", ChecklistView.as_view(), name="checklist"),
    path(f"{_CHECK}assign/", ChecklistAssignView.as_view(), name="checklist-assign"),
    path(f"{_CHECK}complete/", ChecklistCompleteView.as_view(), name="checklist-complete"),
    path(f"{_CHECK}skip/", ChecklistSkipView.as_view(), name="checklist-skip"),
    path(f"{_CHECK}reopen/", ChecklistReopenView.as_view(), name="checklist-reopen"),
    path(f"{_ONE}containment/", ContainmentView.as_view(), name="containment"),
    path(
        f"{_ONE}containment/<int:pk>/reverse/",
        ContainmentReverseView.as_view(),
        name="containment-reverse",
    ),
    path(f"{_ONE}evidence/", EvidenceView.as_view(), name="evidence"),
    path(f"{_ONE}evidence/release/", EvidenceReleaseView.as_view(), name="evidence-release"),
    path(f"{_ONE}restrict/", RestrictView.as_view(), name="restrict"),
    path(f"{_ONE}unrestrict/", UnrestrictView.as_view(), name="unrestrict"),
    path(f"{_ONE}let-in/", LetInView.as_view(), name="let-in"),
    path(f"{_ONE}remove-person/", RemovePersonView.as_view(), name="remove-person"),
    *(
        path(f"{_ONE}{name}/", MoveView.as_view(transition=name), name=name)
        for name in NAMES
        if name != "postmortem"  # has a view of its own, for there is something to read and write
    ),
]
