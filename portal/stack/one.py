"""Becomes one process of an installation, as containers run it:

    python -m portal.stack.one web | worker | notifier | beat | ledger | signer | watchdog | shipper | sealer |
        setup

The same commands as those of `make run`, in place of this process, with everything taken from the
environment. Further arguments go to the process.
"""

import os
import sys
from collections.abc import Mapping, Sequence

from django.core.exceptions import ImproperlyConfigured

from portal.env import SECRETS, Env
from portal.stack.layout import Layout
from portal.stack.process import Command
from portal.stack.processes import ROOT, Processes

NAMES = (
    *("web", "worker", "notifier", "beat", "ledger", "signer", "watchdog", "shipper", "sealer"),
    "setup",
)
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a container's own network


def command_of(name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Command:
    """Raises `ImproperlyConfigured`."""
    env = Env(environ)
    # Their values are there now; a variable and its file at once would be an error.
    values = {k: v for k, v in env.values.items() if k not in {f"{s}_FILE" for s in SECRETS}}
    layout = Layout(env.path("VIGIL_VAR", ROOT / "var"))
    port = env.integer("VIGIL_PORT", 8000, minimum=1, maximum=65535)
    processes = Processes(layout, [env.text("VIGIL_BIND", EVERYWHERE)], port, values)
    command: Command = processes.database() if name == "setup" else getattr(processes, name)()
    return Command(argv=(*command.argv, *arguments), env=command.env)


def main(arguments: Sequence[str]) -> int:
    """Returns only where it cannot start: 1 for the environment, 2 for wrong usage."""
    if not arguments or arguments[0] not in NAMES:
        sys.stderr.write(f"usage: python -m portal.stack.one {' | '.join(NAMES)}\n")
        return 2
    try:
        command = command_of(arguments[0], arguments[1:], os.environ)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"vigil: {error}\n")
        return 1
    os.chdir(ROOT)
    return os.execve(command.argv[0], command.argv, dict(command.env))  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
