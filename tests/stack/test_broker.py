import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from kombu import Connection

from portal.stack.broker import answers, prepare_broker
from portal.stack.layout import Layout
from portal.stack.process import spawn, stop
from tests.stack.waiting import wait_until


@contextmanager
def running(layout: Layout) -> Iterator[subprocess.Popen[bytes]]:
    command = prepare_broker(layout.broker, layout.broker_socket)
    process = spawn(command, output=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(layout.broker_socket))
        yield process
    finally:
        stop(process, command, timeout=5)
        layout.broker_socket.unlink(missing_ok=True)
        layout.sockets.rmdir()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_queued_survives_its_end(place: Path, end: signal.Signals) -> None:
    layout = Layout(place)
    with running(layout) as process:
        with redis.Redis(unix_socket_path=str(layout.broker_socket)) as client:
            client.rpush("queue", *range(500))
        process.send_signal(end)
        process.wait(5)
        assert not answers(layout.broker_socket)
    with running(layout), redis.Redis(unix_socket_path=str(layout.broker_socket)) as client:
        assert client.llen("queue") == 500


def test_nobody_else_may_open_its_socket_and_no_port_is_open(place: Path) -> None:
    layout = Layout(place)
    with running(layout), redis.Redis(unix_socket_path=str(layout.broker_socket)) as client:
        assert layout.broker_socket.stat().st_mode & 0o077 == 0
        assert client.config_get("port") == {"port": "0"}
        assert layout.broker.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["plain", "with space", "with ? and # and %", "d" * 120])
def test_the_urls_of_the_layout_lead_to_it(place: Path, name: str) -> None:
    layout = Layout(place / name)
    with running(layout):
        with Connection(layout.broker_url()) as queue:
            queue.default_channel.client.set("by", "broker url")
        with redis.Redis.from_url(layout.cache_url(database=0)) as cache:
            assert cache.get("by") == b"broker url"
