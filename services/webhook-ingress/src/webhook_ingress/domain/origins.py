"""Which browser origins a trigger admits.

Only browsers send ``Origin``: a request without one passes, unless the trigger says otherwise, and an
allow-list is no authentication.
"""

from collections.abc import Sequence
from typing import Final

from trigger_contracts.webhook_config import MissingOrigin

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_ANY: Final = "*"


def are_allowed(origins: Sequence[str], *, allowed: Sequence[str]) -> bool:
    """Tell whether every origin that a request names is admitted. An empty list, or ``*``, admits all."""
    if not origins or not allowed or _ANY in allowed:
        return True
    known = {_normal(origin) for origin in allowed}
    return all(_normal(origin) in known for origin in origins)


def admit(origins: Sequence[str], *, allowed: Sequence[str], missing: MissingOrigin) -> bool:
    """Tell whether a request may come in; ``missing`` counts only where there is a list."""
    if not origins and allowed and missing is MissingOrigin.REJECT:
        return False
    return are_allowed(origins, allowed=allowed)


def readable_by(origins: Sequence[str], *, allowed: Sequence[str]) -> str | None:
    """Return the origin that ``Access-Control-Allow-Origin`` may name, or ``None``.

    The very bytes of the request are echoed, so they must be ones that a header can hold.
    """
    if len(origins) != 1 or not are_allowed(origins, allowed=allowed):
        return None
    origin = origins[0]
    return origin if origin and origin.isascii() and origin.isprintable() else None


def _normal(origin: str) -> str:
    """Return an origin as browsers serialise it (RFC 6454, 6.2): lower case, no default port or slash."""
    text = origin.strip().lower().removesuffix("/")
    scheme, _, _ = text.partition("://")
    return text.removesuffix(_DEFAULT_PORTS.get(scheme, "\0"))
