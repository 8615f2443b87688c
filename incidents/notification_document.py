"""Renders the table of `docs/notifications.md` from the rules: `python -m incidents.notification_document`."""

from pathlib import Path

from incidents.notification_rules import STANDARD

BEGIN, END = "<!-- rules: begin -->\n", "<!-- rules: end -->\n"
NAMES = {
    "pagerduty": "PagerDuty",
    "slack": "Slack",
    "jira": "Jira",
    "email": "email",
    "webhook": "webhooks",
}
DOCUMENT = Path(__file__).parent.parent / "docs" / "notifications.md"


def table() -> str:
    rows = [
        "| severity | by | at once, when an alert opens it | the backup team too | each member in person | escalates |",
        "|---|---|---|---|---|---|",
    ]
    for severity, rule in STANDARD.items():
        by = ", ".join(NAMES[kind] for kind in rule.kinds)
        facts = (rule.is_automatic, rule.tells_backup, rule.tells_people, rule.escalates)
        said = ["yes" if fact else "no" for fact in facts]
        rows.append(f"| {severity} | {by} | {' | '.join(said)} |")
    return "\n".join(rows) + "\n"


def render(document: str) -> str:
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(render(DOCUMENT.read_text()))
