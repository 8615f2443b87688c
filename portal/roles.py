"""The groups an installation starts with, and what each may do. Administrators edit them later."""

VIEW_SYSTEM = ("portal.view_systemhealth",)
RESEND = ("incidents.resend_notification",)
OPERATE = (*VIEW_SYSTEM, *RESEND, "portal.close_breaker", "portal.fail_over_database")
VIEW_INCIDENTS = (
    "incidents.view_incident",
    "incidents.view_alert",
    "incidents.view_alertreceipt",
    "incidents.view_postmortem",
    "incidents.view_service",
    "incidents.view_source",
    "incidents.view_severityrule",
    "incidents.view_notification",
    "incidents.view_notificationrule",
    "incidents.view_team",
    "incidents.view_checklisttemplate",
)
RESPOND = (*VIEW_INCIDENTS, *VIEW_SYSTEM, "incidents.respond_incident")
COMMAND = (
    *RESPOND,
    *RESEND,
    "incidents.command_incident",
    "incidents.accept_postmortem",
    "audit.decide_approvalrequest",
    "incidents.restrict_incident",
    "incidents.release_evidence",
)
GOVERN = (
    "audit.view_gatelatch",
    "audit.release_gate",
    "audit.view_outage",
    "audit.review_outage",
    "audit.view_policyset",
    "audit.add_policyset",
    "audit.change_policyset",
    "audit.activate_policyset",
)
CONFIGURE = tuple(
    f"{app}.{verb}_{model}"
    for app, model in (
        ("audit", "apitoken"),
        ("audit", "user"),
        ("auth", "group"),
        ("incidents", "channel"),
        ("incidents", "checklisttemplate"),
        ("incidents", "notificationrule"),
        ("incidents", "service"),
        ("incidents", "severityrule"),
        ("incidents", "source"),
        ("incidents", "team"),
    )
    for verb in ("view", "add", "change", "delete")
)

ROLES: dict[str, tuple[str, ...]] = {
    "Responder": RESPOND,
    "Commander": COMMAND,
    "Security": (*COMMAND, "incidents.oversee_restricted_incident", "audit.view_event"),
    "Operator": (*VIEW_INCIDENTS, *OPERATE),
    "Auditor": (
        *VIEW_INCIDENTS,
        *VIEW_SYSTEM,
        "audit.view_event",
        "audit.view_gatelatch",
        "audit.view_outage",
        "audit.view_policyset",
    ),
    "Administrator": (
        *VIEW_INCIDENTS,
        *OPERATE,
        "incidents.restrict_incident",
        "incidents.oversee_restricted_incident",
        "audit.view_event",
        *GOVERN,
        *CONFIGURE,
    ),
}
