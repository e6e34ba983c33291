"""Key sets: which keys are used, and for what."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from trigger_runtime.web.key_document import MAX_KEYS, KeyDocumentError, read_key_document

ALL = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)


def jwk(key: Any, **members: Any) -> dict[str, Any]:
    public = key.public_key() if hasattr(key, "public_key") else key
    match public:
        case rsa.RSAPublicKey():
            made = RSAAlgorithm.to_jwk(public, as_dict=True)
        case ec.EllipticCurvePublicKey():
            made = ECAlgorithm.to_jwk(public, as_dict=True)
        case _:
            made = OKPAlgorithm.to_jwk(public, as_dict=True)
    made.pop("key_ops", None)
    return {name: value for name, value in {**made, **members}.items() if value is not ...}


def used(*keys: Any, algorithms: tuple[str, ...] = ALL) -> list[tuple[str | None, frozenset[str]]]:
    document = read_key_document(json.dumps({"keys": keys}).encode(), algorithms=algorithms)
    assert len(document.keys) + document.ignored == len(keys)
    return [(key.id, key.algorithms) for key in document.keys]


def test_each_key_for_what_fits_it() -> None:
    assert used(
        jwk(RSA_KEY, kid="r"),
        jwk(RSA_KEY, kid="r-256", alg="RS256", use="sig", key_ops=["verify"]),
        jwk(RSA_KEY, kid="p-512", alg="PS512", key_ops=["sign", "verify"]),
        jwk(ec.generate_private_key(ec.SECP256R1()), kid="e-256"),
        jwk(ec.generate_private_key(ec.SECP384R1()), kid="e-384", alg="ES384"),
        jwk(ec.generate_private_key(ec.SECP521R1()), kid="e-512"),
        jwk(ed25519.Ed25519PrivateKey.generate(), kid="o-25519", alg="EdDSA"),
        jwk(ed448.Ed448PrivateKey.generate()),
    ) == [
        ("r", frozenset(ALL[:6])),
        ("r-256", frozenset({"RS256"})),
        ("p-512", frozenset({"PS512"})),
        ("e-256", frozenset({"ES256"})),
        ("e-384", frozenset({"ES384"})),
        ("e-512", frozenset({"ES512"})),
        ("o-25519", frozenset({"EdDSA"})),
        (None, frozenset({"EdDSA"})),
    ]


def test_only_for_what_is_pinned() -> None:
    elliptic = jwk(ec.generate_private_key(ec.SECP256R1()), kid="e")
    assert used(jwk(RSA_KEY, kid="r"), elliptic, algorithms=("RS256", "PS256")) == [
        ("r", frozenset({"RS256", "PS256"}))
    ]
    assert used(jwk(RSA_KEY, alg="RS512"), elliptic, algorithms=("RS256",)) == []
    assert used({"kty": "oct", "k": "eHh4", "alg": "HS256"}, algorithms=("HS256", "RS256")) == []


@pytest.mark.parametrize(
    "key",
    [
        None,
        5,
        [],
        "x",
        {},
        {"kty": None},
        {"kty": ["RSA"]},
        {"kty": "rsa"},
        {"kty": "oct", "k": "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg", "kid": "o", "alg": "HS256"},
        {"kty": "oct", "k": "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg", "alg": "RS256"},
        {"kty": "RSA"},
        {"kty": "RSA", "n": "AQAB"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "OKP", "crv": "Ed25519"},
        jwk(WEAK_RSA_KEY),
        jwk(RSA_KEY, use="enc"),
        jwk(RSA_KEY, use=None),
        jwk(RSA_KEY, use=["sig"]),
        jwk(RSA_KEY, key_ops=[]),
        jwk(RSA_KEY, key_ops=["sign", "encrypt"]),
        jwk(RSA_KEY, key_ops="verify"),
        jwk(RSA_KEY, key_ops=None),
        jwk(RSA_KEY, use="enc", key_ops=["verify"]),
        jwk(RSA_KEY, alg="HS256"),
        jwk(RSA_KEY, alg="none"),
        jwk(RSA_KEY, alg="ES256"),
        jwk(RSA_KEY, alg="RSA-OAEP"),
        jwk(RSA_KEY, alg=None),
        jwk(RSA_KEY, alg=["RS256"]),
        jwk(RSA_KEY, kid=5),
        jwk(RSA_KEY, kid=["a"]),
        jwk(RSA_KEY, crv=5),
        jwk(RSA_KEY, e="AQ"),
        jwk(RSA_KEY, e="AA"),
        jwk(RSA_KEY, e=65537),
        jwk(RSA_KEY, n="A" * 342),
        jwk(RSA_KEY, n="_" * 200_000),
        jwk(RSA_KEY, n=jwk(RSA_KEY)["n"] + "="),
        jwk(RSA_KEY, n=jwk(RSA_KEY)["n"] + "!"),
        jwk(RSA_KEY, n=jwk(RSA_KEY)["n"] + "\n"),
        RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True) | {"key_ops": ["verify"]},
        jwk(RSA_KEY, d="AQAB"),
        jwk(ec.generate_private_key(ec.SECP256R1()), crv="P-384"),
        jwk(ec.generate_private_key(ec.SECP256R1()), alg="ES384"),
        jwk(ec.generate_private_key(ec.SECP256R1()), alg="EdDSA"),
        jwk(ec.generate_private_key(ec.SECP256R1()), crv=...),
        jwk(ec.generate_private_key(ec.SECP256R1()), y=...),
        jwk(ec.generate_private_key(ec.SECP256R1()), kty="RSA"),
        jwk(ec.generate_private_key(ec.SECP256K1())),
        jwk(ec.generate_private_key(ec.SECP256K1()), crv="P-256"),
        jwk(ed25519.Ed25519PrivateKey.generate(), crv="Ed448"),
        jwk(ed25519.Ed25519PrivateKey.generate(), crv="X25519"),
        OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate(), as_dict=True),
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "use": "enc"},
    ],
)
def test_keys_that_are_ignored(key: Any) -> None:
    assert used(key) == []
    assert used(jwk(RSA_KEY, kid="good"), key)[0][0] == "good"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'"keys"',
        b'{"keys": {}}',
        b'{"keys": null}',
        b'{"keys": [}',
        b'{"keys": [NaN]}',
        b'{"keys": [' + b"[" * 100_000,
        b'{"keys": "\xff"}',
        '{"keys": []}'.encode("utf-16"),
        json.dumps({"keys": [{}] * (MAX_KEYS + 1)}).encode(),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_documents_that_are_no_key_set(document: bytes) -> None:
    with pytest.raises(KeyDocumentError):
        read_key_document(document, algorithms=ALL)


def test_no_keys_is_a_key_set() -> None:
    assert read_key_document(b'{"keys": [], "other": 1}', algorithms=ALL).keys == ()
