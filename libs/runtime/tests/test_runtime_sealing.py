"""Secrets at rest."""

import base64

import pytest

from trigger_runtime.sealing import KeyRing, Sealed, SealError

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
NONCE = b"n" * 12
OWNER = b"trigger"


def text_of(**keys: bytes) -> str:
    return ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in keys.items())


def test_what_is_sealed_opens_for_its_owner_only() -> None:
    ring = KeyRing.parse(text_of(new=NEW, old=OLD))
    sealed = ring.seal(b"secret", belongs_to=OWNER, nonce=NONCE)
    assert sealed.key_id == "new"
    assert b"secret" not in sealed.ciphertext
    assert ring.open(sealed, belongs_to=OWNER) == b"secret"
    with pytest.raises(SealError):
        ring.open(sealed, belongs_to=b"another")


def test_the_first_key_seals_and_all_open() -> None:
    before = KeyRing({"old": OLD}).seal(b"secret", belongs_to=OWNER, nonce=NONCE)
    ring = KeyRing({"new": NEW, "old": OLD})
    assert ring.open(before, belongs_to=OWNER) == b"secret"
    assert ring.seal(b"s", belongs_to=OWNER, nonce=NONCE).key_id == "new"
    with pytest.raises(SealError, match="no key 'new'"):
        KeyRing({"old": OLD}).open(ring.seal(b"s", belongs_to=OWNER, nonce=NONCE), belongs_to=OWNER)


@pytest.mark.parametrize(
    "damaged",
    [
        Sealed("k", NONCE, b""),
        Sealed("k", NONCE, b"x" * 40),
        Sealed("k", b"", b"x" * 40),
        Sealed("k", b"n" * 13, b"x" * 40),
    ],
)
def test_damage(damaged: Sealed) -> None:
    with pytest.raises(SealError):
        KeyRing({"k": OLD}).open(damaged, belongs_to=OWNER)


def test_a_nonce_has_twelve_bytes() -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        KeyRing({"k": OLD}).seal(b"s", belongs_to=OWNER, nonce=b"short")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k",
        ":",
        "k:",
        ":" + base64.b64encode(OLD).decode(),
        "k:not base64!",
        "k:" + base64.b64encode(OLD[:16]).decode(),
        "k:schlüssel",
        text_of(k=OLD) + "," + text_of(k=NEW),
        text_of(k=OLD) + ",",
        base64.b64encode(OLD).decode() + ":k",
        base64.b64encode(OLD).decode(),
        "k:" + base64.b64encode(OLD).decode() + "!",
    ],
)
def test_a_wrong_key_ring_is_refused_without_quoting_a_key(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        KeyRing.parse(text)
    assert base64.b64encode(OLD).decode()[:8] not in str(caught.value)
