"""How the receiver proves who it is, and we to it: the options of a destination's URL."""

import hashlib
import hmac
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

OPTIONS = {"ca", "cert", "key", "name", "fingerprint"}


class WrongCertificate(ssl.SSLError):
    """It is not the one whose fingerprint was given."""


@dataclass(frozen=True, slots=True)
class Tls:
    """`fingerprint` is the SHA-256 of the receiver's certificate in hexadecimal, for one that no
    authority vouches for (RFC 5425 §4.2.2); then its name does not matter."""

    context: ssl.SSLContext
    name: str
    fingerprint: str = ""

    @classmethod
    def of(cls, options: Mapping[str, str], host: str) -> "Tls":
        """Raises `ValueError` and `OSError` for options that do not fit, files that do not load."""
        context = ssl.create_default_context(cafile=options.get("ca"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        fingerprint = options.get("fingerprint", "").replace(":", "").lower()
        if fingerprint:
            if not re.fullmatch(r"[0-9a-f]{64}", fingerprint):
                msg = "fingerprint must be a SHA-256 in hexadecimal"
                raise ValueError(msg)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if "cert" in options:
            context.load_cert_chain(options["cert"], options.get("key"))
        return cls(context, options.get("name") or host, fingerprint)

    def wrap(self, opened: socket.socket) -> ssl.SSLSocket:
        wrapped = self.context.wrap_socket(opened, server_hostname=self.name)
        if self.fingerprint:
            shown = hashlib.sha256(wrapped.getpeercert(binary_form=True) or b"").hexdigest()
            if not hmac.compare_digest(shown, self.fingerprint):
                wrapped.close()
                raise WrongCertificate("the receiver shows another certificate")
        return wrapped
