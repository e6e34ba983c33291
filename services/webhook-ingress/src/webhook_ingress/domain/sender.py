"""Where a request comes from: the client's address, and the browser's origin."""

import ipaddress
from collections.abc import Sequence
from typing import Final

from trigger_contracts.webhook_config import MissingOrigin

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_ANY: Final = "*"


def client_address(*, forwarded_for: Sequence[str], peer: str | None, trusted_hops: int) -> str | None:
    """Return the client's address: the ``trusted_hops``-th from the right of ``X-Forwarded-For``.

    The client itself may have written everything further left. The socket's peer counts where there are 0
    hops, fewer addresses than hops, or where that place does not hold an address.
    """
    if trusted_hops > 0:
        hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
        if len(hops) >= trusted_hops and (address := _address(hops[-trusted_hops])):
            return address
    return peer or None


def _address(text: str) -> str | None:
    # A scope id (fe80::1%…) may hold any text, and has a meaning only on the sender's machine.
    if "%" in text:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


class AllowedOrigins:
    """Which browser origins a trigger admits; no list, or ``*`` in it, admits all.

    Only browsers send ``Origin``: a request without one passes, unless the trigger says otherwise. An
    allow-list is not an authentication.
    """

    __slots__ = ("_allowed", "_missing")

    def __init__(self, origins: Sequence[str] = (), *, missing: MissingOrigin = MissingOrigin.ALLOW) -> None:
        """``missing`` counts only where there is a list."""
        lists_all = not origins or _ANY in origins
        self._allowed = None if lists_all else frozenset(_normalized(origin) for origin in origins)
        self._missing = missing if origins else MissingOrigin.ALLOW

    def admit(self, origins: Sequence[str]) -> bool:
        """Tell whether a request with these ``Origin`` headers may come in."""
        if not origins:
            return self._missing is MissingOrigin.ALLOW
        return self._are_listed(origins)

    def readable_by(self, origins: Sequence[str]) -> str | None:
        """Return the origin that ``Access-Control-Allow-Origin`` may name, or ``None``.

        It repeats the bytes of the request, so they must be ones that a header can hold.
        """
        if len(origins) != 1 or not self._are_listed(origins):
            return None
        origin = origins[0]
        return origin if origin and origin.isascii() and origin.isprintable() else None

    def _are_listed(self, origins: Sequence[str]) -> bool:
        allowed = self._allowed
        return allowed is None or all(_normalized(origin) in allowed for origin in origins)


ALL_ORIGINS: Final = AllowedOrigins()


def _normalized(origin: str) -> str:
    """Return an origin as browsers serialise it (RFC 6454, 6.2): lower case, no default port or slash."""
    text = origin.strip().lower().removesuffix("/")
    scheme, _, _ = text.partition("://")
    return text.removesuffix(_DEFAULT_PORTS.get(scheme, "\0"))
