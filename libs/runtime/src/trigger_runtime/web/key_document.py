"""A JSON Web Key Set (RFC 7517, 5): which of its keys verify which tokens."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

MIN_RSA_BITS: Final = 2048
"""RFC 7518, 3.3."""
MAX_RSA_BITS: Final = 8192
"""What a signature costs grows with the square of it."""
MAX_KEYS: Final = 128
"""Real sets have fewer than ten; each costs about 0.1 ms of the event loop to read."""

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
# By `kty` and, where it has one, `crv` (RFC 7518, 3.1 and 6.2.1.1; RFC 8037, 2). What is not here is not
# used, `oct` above all: the set is public, and so would be the secret.
_FITTING: Final[dict[tuple[str, str | None], frozenset[str]]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    ("OKP", "Ed448"): frozenset({"EdDSA"}),
}
# b64decode drops what is none, so that one key could be written in many ways. 8192 bits are 1366 characters.
_NUMBER: Final = re.compile(r"[A-Za-z0-9_-]{1,1366}", re.ASCII)


class KeyDocumentError(Exception):
    """What was fetched is no key set. The text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, and the algorithms that it may be used with."""

    id: str | None
    algorithms: frozenset[str]
    public: PublicKey


@dataclass(frozen=True, slots=True)
class KeyDocument:
    """The keys that can be used, and how many others there were."""

    keys: tuple[VerificationKey, ...]
    ignored: int


def read_key_document(document: bytes, *, algorithms: Collection[str]) -> KeyDocument:
    """Return the keys of a set that verify tokens of one of ``algorithms``. Raises ``KeyDocumentError``.

    A key that is not understood, malformed, too weak or meant for something else is ignored (RFC 7517, 5).
    """
    try:
        value = msgspec.json.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise KeyDocumentError("not JSON") from None
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise KeyDocumentError("no key set")
    if len(listed) > MAX_KEYS:
        raise KeyDocumentError(f"more than {MAX_KEYS} keys")
    keys = tuple(_usable(listed, algorithms=algorithms))
    return KeyDocument(keys, ignored=len(listed) - len(keys))


def _usable(listed: list[Any], *, algorithms: Collection[str]) -> Iterator[VerificationKey]:
    for jwk in listed:
        if not isinstance(jwk, dict):
            continue
        verified = _algorithms_of(jwk) & frozenset(algorithms)
        key_id = jwk.get("kid")
        if verified and isinstance(key_id, str | None) and (public := _public_key(jwk, fits=verified)):
            yield VerificationKey(key_id, verified, public)


def _algorithms_of(jwk: dict[str, Any]) -> frozenset[str]:
    """Return what the key's own members allow it to verify (RFC 7517, 4.1 to 4.4); empty for nothing."""
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if not isinstance(kty, str) or not isinstance(crv, str | None):
        return frozenset()
    fitting = _FITTING.get((kty, crv), frozenset())
    if jwk.get("use", "sig") != "sig":
        return frozenset()
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return frozenset()
    if "alg" in jwk:
        return fitting & frozenset([jwk["alg"]] if isinstance(jwk["alg"], str) else [])
    return fitting


def _public_key(jwk: dict[str, Any], *, fits: frozenset[str]) -> PublicKey | None:
    # Whoever can read a set with the private half in it can sign: such a key proves nothing.
    if "d" in jwk:
        return None
    if any(name in jwk and not _is_number(jwk[name]) for name in ("n", "e", "x", "y")):
        return None
    try:
        key = jwt.get_algorithm_by_name(next(iter(fits))).from_jwk(jwk)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    match key:
        case RSAPublicKey():
            return key if MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS else None
        case EllipticCurvePublicKey() | Ed25519PublicKey() | Ed448PublicKey():
            return key
        case _:
            return None


def _is_number(value: object) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None
