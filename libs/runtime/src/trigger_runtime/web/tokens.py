"""Bearer tokens of management calls: JWTs with one pinned algorithm."""

import re
from dataclasses import dataclass
from typing import Final

import jwt
import msgspec
from aiohttp import web

from trigger_runtime.settings import Secret
from trigger_runtime.web.problem import ProblemError

_MIN_SECRET_BYTES: Final = 32
_SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
_LEEWAY_SECONDS: Final = 30
_MAX_NAME: Final = 255
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are checked."""

    jwt_secret: Secret
    jwt_algorithm: str = "HS256"
    jwt_issuer: str = "flowmaestro"
    jwt_audience: str = "flowmaestro-triggers"

    def __post_init__(self) -> None:
        problems = []
        if self.jwt_algorithm not in _SECRET_BYTES:
            problems.append(f"JWT_ALGORITHM must be one of {', '.join(_SECRET_BYTES)}")
        least = _SECRET_BYTES.get(self.jwt_algorithm, _MIN_SECRET_BYTES)
        if len(self.jwt_secret.reveal().encode()) < least:
            problems.append(f"JWT_SECRET must have at least {least} bytes (RFC 7518, 3.2)")
        if problems:
            raise ValueError("\n".join(problems))


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
        # PyJWT's base64 drops what is none, so that one token could be written in many ways.
        if not _COMPACT.fullmatch(token):
            raise _refused("The token is not valid.", challenge=_INVALID)
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
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            # The four builtins: PyJWT lets through what its parsing of strange claims raises.
            raise _refused("The token is not valid.", challenge=_INVALID) from None
        subject, org, scope = claims["sub"], claims.get("org"), claims.get("scope")
        # A claim of a wrong type is refused, not overlooked: without its scope a token may do everything.
        if not _is_name(subject) or not (org is None or _is_name(org)) or not isinstance(scope, str | None):
            raise _refused("The token is not valid.", challenge=_INVALID)
        return Principal(
            workspace=org or subject,
            subject=subject,
            scopes=frozenset(scope.split()) if scope is not None else None,
        )


_INVALID: Final = 'Bearer error="invalid_token"'


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()


def _refused(detail: str, *, challenge: str) -> ProblemError:
    return ProblemError(401, code="unauthenticated", detail=detail, headers={"WWW-Authenticate": challenge})
