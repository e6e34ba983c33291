"""Secrets at rest and on the bus: AES-256-GCM under a key ring."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)


class SealError(Exception):
    """A sealed secret cannot be opened: unknown key, damage, or it belongs to something else."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext, and what is needed beside the key ring to open it."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class KeyRing:
    """Keys by id. The first one seals; all of them open, so that keys can be changed without a gap."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys or any(len(key) != _KEY_BYTES for key in keys.values()):
            raise ValueError(f"a key ring needs at least one key, and each key {_KEY_BYTES} bytes")
        self._current = next(iter(keys))
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return self._current

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read ``id:base64[,id:base64…]``. Raises ``ValueError``, which never quotes a key."""
        keys: dict[str, bytes] = {}
        for item in text.split(","):
            key_id, colon, encoded = item.strip().partition(":")
            # An id is short, so that a key on the wrong side of the colon is not taken for one and quoted.
            if not colon or not _KEY_ID.fullmatch(key_id) or key_id in keys:
                raise ValueError("expected id:base64[,id:base64…] with different ids")
            try:
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except ValueError:
                raise ValueError(f"key {key_id!r} is not base64") from None
        return cls(keys)

    def seal(self, secret: bytes, *, belongs_to: bytes, nonce: bytes) -> Sealed:
        """Seal a secret for one owner. The nonce is 12 random bytes and never used twice."""
        if len(nonce) != _NONCE_BYTES:
            raise ValueError(f"a nonce has {_NONCE_BYTES} bytes")
        ciphertext = self._ciphers[self._current].encrypt(nonce, secret, belongs_to)
        return Sealed(key_id=self._current, nonce=nonce, ciphertext=ciphertext)

    def open(self, sealed: Sealed, *, belongs_to: bytes) -> bytes:
        """Return the secret; ``SealError`` where it cannot be had."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise SealError(f"no key {sealed.key_id!r} in the key ring")
        try:
            return cipher.decrypt(sealed.nonce, sealed.ciphertext, belongs_to)
        except (InvalidTag, ValueError):
            raise SealError("the sealed secret is damaged or belongs to something else") from None
