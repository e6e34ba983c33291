"""How bearer tokens are checked: which algorithms, with whose keys, for whom, with how much clock skew."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm

from trigger_runtime.settings import Secret

SHARED_SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The symmetric algorithms, each with the shortest secret that it takes (RFC 7518, 3.2)."""

KEY_SET_ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)

_MAX_LEEWAY_SECONDS: Final = 300


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are checked: with a shared secret, or with the public keys behind a URL.

    Never both: a verifier that takes both families can be given a public key as an HMAC secret (RFC 8725,
    2.1 and 3.1).
    """

    jwt_secret: Secret | None = None
    """For the HS algorithms."""
    jwt_jwks_url: str | None = None
    """Where the provider's key set (RFC 7517, 5) is, for all other algorithms.

    It says whose tokens are trusted, so it is fetched over https; http is for this machine alone
    (``localhost``, 127.0.0.0/8, ::1), where no one sits on the wire.
    """
    jwt_algorithm: tuple[str, ...] = ("HS256",)
    """All that are accepted, of one family; what a token's header asks for never widens it."""
    jwt_issuer: str = "flowmaestro"
    jwt_audience: str = "flowmaestro-triggers"
    jwt_leeway_seconds: int = 30
    """How far the issuer's clock may be off."""

    def __post_init__(self) -> None:
        problems = [*_algorithm_problems(self.jwt_algorithm), *self._source_problems()]
        if self.jwt_secret is not None:
            problems += _secret_problems(self.jwt_secret.reveal(), algorithms=self.jwt_algorithm)
        if self.jwt_jwks_url is not None:
            problems += _url_problems(self.jwt_jwks_url)
        if not 0 <= self.jwt_leeway_seconds <= _MAX_LEEWAY_SECONDS:
            problems.append(f"JWT_LEEWAY_SECONDS must be 0 to {_MAX_LEEWAY_SECONDS}")
        if problems:
            raise ValueError("\n".join(problems))

    def _source_problems(self) -> list[str]:
        """Return what is wrong about which of the secret and the URL is given."""
        has_secret, has_url = self.jwt_secret is not None, self.jwt_jwks_url is not None
        if has_secret and has_url:
            return ["give either JWT_SECRET or JWT_JWKS_URL, not both"]
        families = _families(self.jwt_algorithm)
        if families == {"secret"} and not has_secret:
            return ["JWT_SECRET is required (or JWT_JWKS_URL, with JWT_ALGORITHM one of a key set)"]
        if families == {"key set"} and not has_url:
            return [f"JWT_JWKS_URL is required for {', '.join(self.jwt_algorithm)}"]
        if not has_secret and not has_url:
            return ["JWT_SECRET or JWT_JWKS_URL is required"]
        return []


def _families(algorithms: tuple[str, ...]) -> set[str]:
    of = dict.fromkeys(SHARED_SECRET_BYTES, "secret") | dict.fromkeys(KEY_SET_ALGORITHMS, "key set")
    return {of[name] for name in algorithms if name in of}


def _algorithm_problems(algorithms: tuple[str, ...]) -> list[str]:
    known = (*SHARED_SECRET_BYTES, *KEY_SET_ALGORITHMS)
    if not algorithms or not set(algorithms) <= set(known):
        return [f"JWT_ALGORITHM must be one or more of {', '.join(known)}"]
    if len(_families(algorithms)) > 1:
        return ["JWT_ALGORITHM must not mix HS algorithms with others (RFC 8725, 3.1)"]
    return []


def _secret_problems(secret: str, *, algorithms: tuple[str, ...]) -> list[str]:
    problems = []
    least = max(
        [SHARED_SECRET_BYTES.get(name, 0) for name in algorithms] + [min(SHARED_SECRET_BYTES.values())]
    )
    if len(secret.encode()) < least:
        problems.append(f"JWT_SECRET must have at least {least} bytes (RFC 7518, 3.2)")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError:
        # PyJWT would refuse every token with it, and it would not be a secret: public keys are public.
        problems.append("JWT_SECRET must be random text, not a key or a certificate")
    return problems


def _url_problems(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return ["JWT_JWKS_URL must be a URL, like https://login.example.com/jwks.json"]
    problems = []
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))):
        problems.append("JWT_JWKS_URL must be an https URL (http only for localhost, 127.0.0.0/8 and ::1)")
    if "@" in parts.netloc or parts.fragment:
        problems.append("JWT_JWKS_URL must have no user, password or fragment")
    return problems


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
