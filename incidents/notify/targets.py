"""Where notifications may be sent: not into the installation's own networks, unless they are named.

An administrator names a URL, but the network that it is reached from is not theirs to explore.
"""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

from portal.lib.resilience import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# They carry an IPv4 address, which can be a private one.
TRANSLATED = tuple(
    ipaddress.ip_network(net)
    for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


def admit(address: str) -> None:
    """Raises `Refused` for an address that must not be reached."""
    ip: Address = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if any(ip in network for network in settings.NOTIFY_NETWORKS):
        return
    if not ip.is_global or ip.is_multicast or any(ip in network for network in TRANSLATED):
        msg = f"{ip} is not a public address, and not in VIGIL_NOTIFY_NETWORKS"
        raise Refused(msg)


def problem_of(url: str) -> str:
    """What is wrong with a URL that somebody typed; empty where nothing is."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError as error:
        return f"This is no URL: {error}."
    if parts.username is not None or parts.password is not None:
        return "A URL holds no user name or password; secrets are set apart."
    if not parts.hostname or parts.fragment:
        return "This needs a host, and no fragment."
    if parts.scheme != "https" and not settings.NOTIFY_NETWORKS:
        return "Only https; http is for networks named in VIGIL_NOTIFY_NETWORKS."
    return ""
