"""Whether what a provider shows as its key is one: what is none would refuse every request."""

import base64
import binascii
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_KEY_BYTES: Final = 32


def is_ed25519_key(key: bytes) -> bool:
    """Tell whether 32 bytes are a point of the curve (RFC 8032, 5.1.3) that can verify.

    A point of small order is refused: signatures by anyone are right under it.
    """
    if len(key) != _KEY_BYTES:
        return False
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    if y >= _P:
        return False
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(square, (_P - 1) // 2, _P) > 1:
        return False
    # Doubled twice, the points of order 1, 2, 4 and 8 have y = 1 or y = -1.
    for _ in range(2):
        y = (y * y + square) * pow(1 - _D * square * y * y, -1, _P) % _P
        square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return y not in {1, _P - 1}


def is_p256_key(text: bytes) -> bool:
    """Tell whether a text is the base64 of a P-256 key (SubjectPublicKeyInfo)."""
    key = decoded(text)
    if key is None:
        return False
    try:
        public = load_der_public_key(key)
    except ValueError:
        return False
    return isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)


def decoded(text: bytes) -> bytes | None:
    """Return what plain base64, with or without its padding, says; ``None`` for what is none."""
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None
