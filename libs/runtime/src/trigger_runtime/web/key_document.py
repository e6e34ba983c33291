"""A JSON Web Key Set (RFC 7517, 5): which of its keys verify which tokens."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from msgspec import UNSET, Meta, UnsetType

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

MIN_RSA_BITS: Final = 2048
"""RFC 7518, 3.3."""
MAX_RSA_BITS: Final = 8192
"""What a signature costs grows with the square of it."""
MAX_KEYS: Final = 128
"""Real sets have fewer than ten; each costs about 0.1 ms of the event loop to read."""

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
# By `kty` and `crv` (RFC 7518, 3.1 and 6.2.1.1; RFC 8037, 2). Other types are ignored, `oct` above all: the
# set is public, and so would be the secret.
_ALGORITHMS: Final[dict[tuple[str, str | None], frozenset[str]]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    ("OKP", "Ed448"): frozenset({"EdDSA"}),
}
# b64decode skips other characters, so that one key could be written in many ways. 8192 bits: 1366 characters.
_Number = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,1366}\Z")]


class _Jwk(msgspec.Struct, frozen=True):
    """The members of a key that are checked here, with their types (RFC 7517, 4; RFC 7518, 6)."""

    kty: str
    crv: str | None = None
    use: Literal["sig"] = "sig"
    key_ops: tuple[Any, ...] = ("verify",)
    alg: str | UnsetType = UNSET
    kid: str | None = None
    n: _Number | UnsetType = UNSET
    e: _Number | UnsetType = UNSET
    x: _Number | UnsetType = UNSET
    y: _Number | UnsetType = UNSET
    # A set with a private key lets every reader of it sign.
    d: UnsetType = UNSET

    @property
    def algorithms(self) -> frozenset[str]:
        """Return the algorithms that the key's own members allow."""
        fitting = _ALGORITHMS.get((self.kty, self.crv), frozenset())
        if "verify" not in self.key_ops:
            return frozenset()
        return fitting if isinstance(self.alg, UnsetType) else fitting & {self.alg}


class KeyDocumentError(Exception):
    """The document is not a key set. The text does not quote it."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, and the algorithms that may use it."""

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
        raise KeyDocumentError("not a key set")
    if len(listed) > MAX_KEYS:
        raise KeyDocumentError(f"more than {MAX_KEYS} keys")
    keys = tuple(_usable(listed, algorithms=algorithms))
    return KeyDocument(keys, ignored=len(listed) - len(keys))


def _usable(listed: list[Any], *, algorithms: Collection[str]) -> Iterator[VerificationKey]:
    for value in listed:
        try:
            jwk = msgspec.convert(value, _Jwk)
        except msgspec.ValidationError:
            continue
        verified = jwk.algorithms & frozenset(algorithms)
        if verified and (public := _public_key(value, algorithm=next(iter(verified)))):
            yield VerificationKey(jwk.kid, verified, public)


def _public_key(jwk: dict[str, Any], *, algorithm: str) -> PublicKey | None:
    try:
        key = jwt.get_algorithm_by_name(algorithm).from_jwk(jwk)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    match key:
        case RSAPublicKey():
            return key if MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS else None
        case EllipticCurvePublicKey() | Ed25519PublicKey() | Ed448PublicKey():
            return key
        case _:
            return None
