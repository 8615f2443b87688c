"""Runs Python as somebody, with this environment's packages, wherever their interpreter is from."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from portal.stack.account import Account
from portal.stack.processes import ROOT

PACKAGES = next(path for path in sys.path if Path(path, "django").is_dir())


@dataclass(frozen=True, slots=True)
class Person:
    python: str
    account: Account | None

    def start(
        self, *arguments: str, output: int = subprocess.PIPE, **env: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.python, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": PACKAGES,
                "PYTHONDONTWRITEBYTECODE": "1",
                # A copied interpreter finds its own library, not that of another Python here.
                "LD_LIBRARY_PATH": str(Path(self.python).parent.parent / "lib"),
                "HOME": "/nonexistent",
                **env,
            },
        )

    def run(
        self, *arguments: str, timeout: float = 60, **env: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **env)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, output)
