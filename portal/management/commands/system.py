from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from portal.system.health import health
from portal.system.measures import Figures, figures


class Command(BaseCommand):
    help = (
        "The health of the system, with every detail; works without the database too."
        " Exit code 1 where not everything works."
    )
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        known = health(_figures())
        for each in known.judged:
            self.stdout.write(f"{each.level.value:<9} {each.capability.title}")
            for why in each.because:
                self.stdout.write(f"          {why}")
        for finding in known.findings:
            since = f" since {finding.since:%Y-%m-%d %H:%M:%S} UTC" if finding.since else ""
            self.stdout.write(f"\n{finding.state.value}: {finding.runbook.title}{since}")
            self.stdout.write(f"  {finding.detail}\n  {finding.runbook.text}")
        if not known.is_full:
            raise SystemExit(1)


def _figures() -> Figures | None:
    try:
        return figures()
    except DatabaseError:
        return None  # among the findings
