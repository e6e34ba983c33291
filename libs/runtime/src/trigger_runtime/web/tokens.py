"""Bearer tokens of management calls: JWTs with one pinned algorithm."""

from dataclasses import dataclass
from typing import Final

import jwt
import msgspec
from aiohttp import web

from trigger_runtime.settings import Secret
from trigger_runtime.web.problem import ProblemError

_MIN_SECRET_BYTES: Final = 32
_LEEWAY_SECONDS: Final = 30


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are checked."""

    jwt_secret: Secret
    jwt_algorithm: str = "HS256"
    jwt_issuer: str = "flowmaestro"
    jwt_audience: str = "flowmaestro-triggers"

    def __post_init__(self) -> None:
        if self.jwt_algorithm not in {"HS256", "HS384", "HS512"}:
            raise ValueError("JWT_ALGORITHM must be HS256, HS384 or HS512")
        if len(self.jwt_secret.reveal().encode()) < _MIN_SECRET_BYTES:
            raise ValueError(f"JWT_SECRET must have at least {_MIN_SECRET_BYTES} bytes (RFC 7518, 3.2)")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. ``scopes`` is ``None`` for a token that carries none: it may do everything."""

    workspace: str
    subject: str
    scopes: frozenset[str] | None


class TokenVerifier:
    """Turns an ``Authorization`` header into a principal, or refuses."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings

    def principal(self, request: web.Request, *, scope: str) -> Principal:
        """Return who calls, checked for ``scope``; ``ProblemError`` 401 or 403.

        The answer does not tell which check failed: that would help only a forger.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _refused("Send a token: Authorization: Bearer <jwt>.", challenge="Bearer")
        principal = self._verified(token.strip())
        if principal.scopes is not None and scope not in principal.scopes:
            raise ProblemError(403, code="scope_missing", detail=f"The token lacks the scope {scope}.")
        return principal

    def _verified(self, token: str) -> Principal:
        wanted = self._settings
        try:
            claims = jwt.decode(
                token,
                wanted.jwt_secret.reveal(),
                algorithms=[wanted.jwt_algorithm],
                issuer=wanted.jwt_issuer,
                audience=wanted.jwt_audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("The token has expired.", challenge=_INVALID) from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _refused("The token is not valid.", challenge=_INVALID) from None
        subject, org, scope = claims.get("sub"), claims.get("org"), claims.get("scope")
        if not isinstance(subject, str) or not subject or (org is not None and not _is_name(org)):
            raise _refused("The token is not valid.", challenge=_INVALID)
        return Principal(
            workspace=org or subject,
            subject=subject,
            scopes=frozenset(scope.split()) if isinstance(scope, str) else None,
        )


_INVALID: Final = 'Bearer error="invalid_token"'


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _refused(detail: str, *, challenge: str) -> ProblemError:
    return ProblemError(401, code="unauthenticated", detail=detail, headers={"WWW-Authenticate": challenge})
