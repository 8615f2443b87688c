import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from portal.stack.processes import ROOT


class Command(BaseCommand):
    help = "Start everything on this machine and keep it running. Ctrl-C stops it."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        # The stack runs without Django, and gives each of its processes settings of their own;
        # this process has read some already, so it becomes one that has not.
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "portal.stack"])  # noqa: S606
