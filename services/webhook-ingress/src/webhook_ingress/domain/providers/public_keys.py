"""Signatures under a public key: the configured key only verifies, and is not secret."""

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def canonical_base64(text: bytes) -> bytes | None:
    """Return the bytes; ``None`` for any spelling of them but the one that encoding gives."""
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return value if base64.b64encode(value) == text else None


def ed25519_verifies(key: bytes, *, signature: bytes, content: bytes) -> bool:
    """Check an Ed25519 signature (RFC 8032); key and signature are base64."""
    public, made = canonical_base64(key), canonical_base64(signature)
    if public is None or made is None:
        return False
    return ed25519_raw_verifies(public, signature=made, content=content)


def ed25519_raw_verifies(key: bytes, *, signature: bytes, content: bytes) -> bool:
    """Check an Ed25519 signature; key and signature are bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (ValueError, InvalidSignature):
        return False
    return True


def p256_verifies(key: bytes, *, signature: bytes, content: bytes) -> bool:
    """Check ECDSA on P-256 over SHA-256; key (SubjectPublicKeyInfo) and signature are base64 of DER."""
    spki, made = canonical_base64(key), canonical_base64(signature)
    if spki is None or made is None:
        return False
    try:
        public = load_der_public_key(spki)
        if not isinstance(public, EllipticCurvePublicKey) or not isinstance(public.curve, SECP256R1):
            return False
        public.verify(made, content, ECDSA(SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True
