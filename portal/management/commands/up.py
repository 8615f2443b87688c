import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from portal.stack.processes import ROOT


class Command(BaseCommand):
    help = "Start everything on this machine and keep it running. Ctrl-C stops it."

    def handle(self, *_args: Any, **_options: Any) -> None:
        # The stack starts without Django (`manage.py` sees to that); here Django is already set up
        # for one role and one database, so this process becomes one that is not.
        os.execv(sys.executable, [sys.executable, str(ROOT / "manage.py"), "up"])
