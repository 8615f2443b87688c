"""An SMTP server (RFC 5321), as far as taking mail goes."""

import email
import email.policy
import socketserver
import threading
from collections import deque
from typing import Any

from portal.mail_server import Smtp


class Mail:
    """`mails` are what it took. `next` are replies to RCPT in place of 250, one for each recipient."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.recipients: list[str] = []
        self.next: deque[str] = deque()
        self.greets = True
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def smtp(self) -> Smtp:
        host, port = self.server.server_address[:2]
        return Smtp(str(host), int(port), "", "", is_starttls=False, is_ssl=False)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[socketserver.StreamRequestHandler]:  # noqa: C901 - one verb each
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line: str) -> None:
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self) -> None:
                if not server.greets:
                    return self.say("421 too busy")
                self.say("220 fake ESMTP")
                while line := self.rfile.readline().decode().strip():
                    match line.partition(" ")[0].upper():
                        case "EHLO" | "HELO":
                            self.say("250 fake")
                        case "MAIL" | "RSET":
                            self.say("250 OK")
                        case "RCPT":
                            self.rcpt(line)
                        case "DATA":
                            self.data()
                        case "QUIT":
                            return self.say("221 bye")
                        case _:
                            self.say("502 not implemented")
                return None

            def rcpt(self, line: str) -> None:
                reply = server.next.popleft() if server.next else "250 OK"
                if reply.startswith("2"):
                    server.recipients.append(line.partition("<")[2].partition(">")[0])
                self.say(reply)

            def data(self) -> None:
                self.say("354 go on")
                lines = []
                while (line := self.rfile.readline()) != b".\r\n":
                    lines.append(line[1:] if line.startswith(b"..") else line)
                parsed = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                server.mails.append(parsed)
                self.say("250 taken")

        return Handler
