"""A streaming replica of a running server, made as an operator makes one."""

import subprocess
from pathlib import Path
from typing import Self

from portal.stack.account import give_to, service_account
from portal.stack.postgres import SUPERUSER, EmbeddedPostgres
from portal.stack.postgres_install import find_install


class Standby(EmbeddedPostgres):
    """For the length of a `with` block; `promote` and all else go through its `superuser_url`."""

    def __init__(self, primary: Path, data_dir: Path, socket_dir: Path, *, fsync: bool) -> None:
        super().__init__(data_dir, socket_dir, fsync=fsync)
        self._primary = primary

    def __enter__(self) -> Self:
        if not self.data_dir.exists():
            self._copy()
        return super().__enter__()

    def _copy(self) -> None:
        account = service_account()
        self.data_dir.mkdir(mode=0o700)
        give_to(account, self.data_dir)
        subprocess.run(
            [
                find_install(account).bin / "pg_basebackup",
                *("-h", self._primary, "-U", SUPERUSER, "-D", self.data_dir),
                *("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            timeout=100,
            cwd="/",
            env={"LC_ALL": "C"},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
