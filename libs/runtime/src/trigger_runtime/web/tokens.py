"""Bearer tokens of management calls: JWTs whose algorithms are pinned."""

import base64
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import jwt
import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from trigger_runtime.metrics import Metrics
from trigger_runtime.settings import Secret
from trigger_runtime.web.key_document import PublicKey
from trigger_runtime.web.key_set import DEFAULT, FetchSchedule, KeySet, NoKeysError
from trigger_runtime.web.problem import ProblemError, unavailable
from trigger_runtime.web.token_settings import TokenSettings

__all__ = ["Principal", "TokenSettings", "TokenVerifier", "Verified"]

MAX_CACHED_SECONDS: Final = 60.0

_COMPACT: Final = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_INVALID: Final = 'Bearer error="invalid_token"'
_RETRY_AFTER_SECONDS: Final = 5
_MAX_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. ``scopes`` is ``None`` for a token that carries none: it may do everything.

    ``scope_claim`` is the claim that they are from.
    """

    workspace: str
    subject: str
    scopes: frozenset[str] | None
    scope_claim: str | None = None


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
    scope: str | list[str] | UnsetType = UNSET
    """Separated by spaces (RFC 8693, 4.2); some providers send a list."""
    scp: str | list[str] | UnsetType = UNSET
    """Of Microsoft Entra (a text) and Okta (a list)."""
    scopes: str | list[str] | UnsetType = UNSET
    permissions: str | list[str] | UnsetType = UNSET
    """Of Auth0, where an API's permissions are in its tokens."""


_claims_decoder: Final = msgspec.json.Decoder(_Claims)


class _Header(msgspec.Struct, frozen=True):
    """The members of a token's header that are read (RFC 7515, 4.1).

    ``jku``, ``jwk``, ``x5u`` and ``x5c`` are not: a token does not choose the key that verifies it.
    """

    alg: str
    kid: str | UnsetType = UNSET
    crit: Any = UNSET


class _Keys(Protocol):
    generation: int

    async def find(self, *, key_id: str | None, algorithm: str) -> PublicKey | bytes | None: ...


class _SharedSecret:
    """The one key of all tokens, whatever key id they name."""

    generation = 0

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    async def find(self, **_named: str | None) -> bytes:
        return self._secret.reveal().encode()


class TokenCache:
    """Tokens that were verified in the last minute; the least recently used is dropped first.

    Only verified tokens are in it, so that strangers cannot fill it. They are kept as SHA-256: the memory of
    the process shows no usable token.
    """

    def __init__(self, *, max_entries: int = 2048) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[bytes, tuple[Verified, int]] = OrderedDict()

    def get(self, token: bytes, *, now: float, key_generation: int) -> Principal | None:
        """Return the principal of a token that was verified with these keys and is valid at ``now``.

        ``now`` is in Unix seconds. An entry from after ``now`` is dropped too: the clock was set back.
        """
        digest = hashlib.sha256(token).digest()
        entry = self._entries.get(digest)
        if entry is None:
            return None
        verified, generation = entry
        if generation != key_generation or not verified.since <= now < verified.until:
            del self._entries[digest]
            return None
        self._entries.move_to_end(digest)
        return verified.principal

    def put(self, token: bytes, *, verified: Verified, now: float, key_generation: int) -> None:
        """Keep a token that was verified at ``now`` for as long as it is valid, at most a minute."""
        since, until = max(verified.since, now), min(verified.until, now + MAX_CACHED_SECONDS)
        entry = replace(verified, since=since, until=until), key_generation
        self._entries[hashlib.sha256(token).digest()] = entry
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)


class TokenVerifier:
    """Turns an ``Authorization`` header into a principal, or refuses.

    ``key_sets`` are the components that it needs: one with ``JWT_JWKS_URL``, none with ``JWT_SECRET``. Until
    one has fetched its keys, tokens get 503. ``now`` returns Unix seconds, ``monotonic`` those of the
    fetches.
    """

    def __init__(
        self,
        settings: TokenSettings,
        *,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        schedule: FetchSchedule = DEFAULT,
    ) -> None:
        self._settings = settings
        self._now = now
        self._algorithms = frozenset(settings.jwt_algorithm)
        self._jws = jwt.PyJWS(algorithms=settings.jwt_algorithm)
        self._cache = TokenCache()
        self._keys: _Keys
        self.key_sets: tuple[KeySet, ...] = ()
        match settings:
            case TokenSettings(jwt_secret=Secret() as secret):
                self._keys = _SharedSecret(secret)
            case TokenSettings(jwt_jwks_url=str() as url):
                self._keys = key_set = KeySet(
                    url,
                    algorithms=settings.jwt_algorithm,
                    metrics=metrics,
                    schedule=schedule,
                    monotonic=monotonic,
                )
                self.key_sets = (key_set,)
            case _:
                raise ValueError("neither a secret nor a key set")

    async def principal(self, request: web.Request, *, scope: str) -> Principal:
        """Return the caller, checked for ``scope``; ``ProblemError`` 401, 403, or 503 without keys.

        The problem does not say which check failed: that would help only a forger.
        """
        token = _bearer(request)
        principal = self._cache.get(token, now=self._now(), key_generation=self._keys.generation)
        if principal is None:
            principal = await self._verified(token)
        if principal.scopes is not None and scope not in principal.scopes:
            detail = f"The token lacks the scope {scope} in its claim {principal.scope_claim}."
            raise ProblemError(403, code="scope_missing", detail=detail)
        return principal

    async def _verified(self, token: bytes) -> Principal:
        header = _header(token)
        # Before any key is searched (RFC 8725, 3.1). We support no extension, so every critical one is
        # unsupported (RFC 7515, 4.1.11).
        if header.alg not in self._algorithms or header.crit is not UNSET:
            raise _invalid()
        key_id = None if isinstance(header.kid, UnsetType) else header.kid
        try:
            key = await self._keys.find(key_id=key_id, algorithm=header.alg)
        except NoKeysError:
            detail = "Tokens cannot be verified now."
            raise unavailable(detail, retry_after_seconds=_RETRY_AFTER_SECONDS) from None
        if key is None:
            raise _invalid()
        # No await from here on: the keys and the time are those of one moment.
        now = self._now()
        try:
            payload = self._jws.decode(token, key, algorithms=[header.alg])
            verified = _checked(payload, settings=self._settings, now=now)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            # The four builtins: the claims' types, and what PyJWT does not catch in strange headers.
            raise _invalid() from None
        self._cache.put(token, verified=verified, now=now, key_generation=self._keys.generation)
        return verified.principal


def _bearer(request: web.Request) -> bytes:
    """Return the request's token; ``ProblemError`` 401 unless there is exactly one."""
    values = request.headers.getall("Authorization", [])
    scheme, _, token = (values[0] if len(values) == 1 else "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _refused("Send a token: Authorization: Bearer <jwt>.", challenge="Bearer")
    if not token.isascii():
        raise _invalid()
    return token.strip().encode()


def _header(token: bytes) -> _Header:
    """Return the header of a token that is not verified yet."""
    # PyJWT's base64 skips other characters, so that one token could be written in many ways.
    if not _COMPACT.fullmatch(token):
        raise _invalid()
    try:
        data = base64.urlsafe_b64decode(token.partition(b".")[0] + b"==")
        return msgspec.json.decode(data, type=_Header)
    except (ValueError, RecursionError):
        raise _invalid() from None


def _checked(payload: bytes, *, settings: TokenSettings, now: float) -> Verified:
    """Return the principal of a payload whose signature is verified.

    Raises ``ProblemError`` 401, and ``ValueError`` or ``RecursionError`` for what is not claims.
    """
    claims = _claims_decoder.decode(payload)
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != settings.jwt_issuer or settings.jwt_audience not in audiences:
        raise _invalid()
    if not _is_name(claims.sub) or not (claims.org is None or _is_name(claims.org)):
        raise _invalid()
    begins = [moment for moment in (claims.nbf, claims.iat) if not isinstance(moment, UnsetType)]
    since = max(begins, default=now) - settings.jwt_leeway_seconds
    until = claims.exp + settings.jwt_leeway_seconds
    if now >= until:
        raise _refused("The token has expired.", challenge=_INVALID)
    if now < since:
        raise _invalid()
    claim, scopes = _scopes(claims)
    principal = Principal(
        workspace=claims.org or claims.sub, subject=claims.sub, scopes=scopes, scope_claim=claim
    )
    return Verified(principal, since, until)


def _scopes(claims: _Claims) -> tuple[str | None, frozenset[str] | None]:
    """Return the first of the registered claim and of those that providers send instead: never several.

    Together they could grant more than any one of them was meant to.
    """
    for name in ("scope", "scp", "scopes", "permissions"):
        value = getattr(claims, name)
        if not isinstance(value, UnsetType):
            return name, frozenset(value.split() if isinstance(value, str) else value)
    return None, None


def _is_name(value: str) -> bool:
    return 0 < len(value) <= _MAX_NAME and value.isprintable()


def _invalid() -> ProblemError:
    return _refused("The token is not valid.", challenge=_INVALID)


def _refused(detail: str, *, challenge: str) -> ProblemError:
    return ProblemError(401, code="unauthenticated", detail=detail, headers={"WWW-Authenticate": challenge})
