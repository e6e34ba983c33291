"""The claims of a token whose signature is verified: their types, and whether they hold now."""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from trigger_runtime.web.token_settings import TokenSettings

_MAX_NAME: Final = 255


class ClaimsError(Exception):
    """The token's claims are wrong, or it is not valid yet."""


class ExpiredError(ClaimsError):
    """The token is past its ``exp``."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. ``scopes`` is ``None`` for a token that carries none: it may do everything."""

    workspace: str
    subject: str
    scopes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Verified:
    """A principal, and the Unix seconds between which its token counts: from ``since``, before ``until``."""

    principal: Principal
    since: float
    until: float


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 7519, 4.1, with its types: a claim of a wrong type is refused, never ignored.

    A token without a scope, for example, may do everything; and ``int("١٢")`` is 12.
    """

    iss: str
    aud: str | list[str]
    sub: str
    exp: float
    nbf: float | UnsetType = UNSET
    iat: float | UnsetType = UNSET
    jti: str | UnsetType = UNSET
    org: str | None = None
    scope: str | UnsetType = UNSET
    """Separated by spaces (RFC 8693, 4.2)."""
    scp: str | list[str] | UnsetType = UNSET
    scopes: str | list[str] | UnsetType = UNSET


_decoder: Final = msgspec.json.Decoder(_Claims)


def check_claims(payload: bytes, *, settings: TokenSettings, now: float) -> Verified:
    """Return the principal of a payload. Raises ``ExpiredError`` (RFC 7519, 4.1.4) or ``ClaimsError``."""
    try:
        claims = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ClaimsError from None
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != settings.jwt_issuer or settings.jwt_audience not in audiences:
        raise ClaimsError
    if not _is_name(claims.sub) or not (claims.org is None or _is_name(claims.org)):
        raise ClaimsError
    begins = [moment for moment in (claims.nbf, claims.iat) if not isinstance(moment, UnsetType)]
    since = max(begins, default=now) - settings.jwt_leeway_seconds
    until = claims.exp + settings.jwt_leeway_seconds
    if now >= until:
        raise ExpiredError
    if now < since:
        raise ClaimsError
    principal = Principal(workspace=claims.org or claims.sub, subject=claims.sub, scopes=_scopes(claims))
    return Verified(principal, since, until)


def _scopes(claims: _Claims) -> frozenset[str] | None:
    """Return the first of the registered claim and of those that providers send instead."""
    for claim in (claims.scope, claims.scp, claims.scopes):
        if not isinstance(claim, UnsetType):
            return frozenset(claim.split() if isinstance(claim, str) else claim)
    return None


def _is_name(value: str) -> bool:
    return 0 < len(value) <= _MAX_NAME and value.isprintable()
