"""How secrets of channels and addresses of people are kept: sealed, each for its owner alone."""

from audit import secret_box
from incidents.models import Channel, ChannelSecret, ContactMethod

_SECRET, _ADDRESS, _CODE = b"channel: secret", b"contact: address", b"contact: code"


def seal_secret(channel: Channel, name: str, secret: str) -> bytes:
    return secret_box.seal(secret.encode(), purpose=_SECRET, owner=_of_channel(channel, name))


def open_secret(kept: ChannelSecret, channel: Channel) -> str:
    """Raises `secret_box.CannotOpen`."""
    owner = _of_channel(channel, kept.name)
    return secret_box.unseal(bytes(kept.sealed), purpose=_SECRET, owner=owner).decode()


def seal_address(contact: ContactMethod, address: str) -> None:
    contact.sealed_address = secret_box.seal(
        address.encode(), purpose=_ADDRESS, owner=_of_contact(contact)
    )
    contact.address_digest = address_digests(contact.kind, address)[0]


def open_address(contact: ContactMethod) -> str:
    """Raises `secret_box.CannotOpen`."""
    sealed = bytes(contact.sealed_address)
    return secret_box.unseal(sealed, purpose=_ADDRESS, owner=_of_contact(contact)).decode()


def address_digests(kind: str, address: str) -> list[bytes]:
    """By which a person is found, by each key that may have been in force."""
    return secret_box.digests(f"{kind}:{address}".encode(), purpose=_ADDRESS)


def seal_code(contact: ContactMethod, code: str) -> bytes:
    return secret_box.seal(code.encode(), purpose=_CODE, owner=_of_contact(contact))


def open_code(contact: ContactMethod) -> str:
    """Raises `secret_box.CannotOpen`."""
    sealed = bytes(contact.sealed_code or b"")
    return secret_box.unseal(sealed, purpose=_CODE, owner=_of_contact(contact)).decode()


def _of_channel(channel: Channel, name: str) -> bytes:
    return f"channel:{channel.public_id}:{name}".encode()


def _of_contact(contact: ContactMethod) -> bytes:
    return f"contact:{contact.user_id}:{contact.kind}".encode()
