"""Who calls, as far as that can be believed."""

import ipaddress
from collections.abc import Sequence


def client_address(*, forwarded_for: Sequence[str], peer: str | None, trusted_hops: int) -> str | None:
    """Return the caller's address: the ``trusted_hops``-th from the right of ``X-Forwarded-For``.

    Everything further left is the caller's own claim. 0 hops, fewer addresses than hops, or something
    that is no address: the socket's peer.
    """
    if trusted_hops > 0:
        claims = [claim.strip() for value in forwarded_for for claim in value.split(",")]
        if len(claims) >= trusted_hops and (address := _address(claims[-trusted_hops])):
            return address
    return peer or None


def _address(text: str) -> str | None:
    # A scope id (fe80::1%…) may hold any text, and names nothing outside the sender's machine.
    if "%" in text:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
