"""Requests that come twice and are meant once (``Idempotency-Key``).

The header follows draft-ietf-httpapi-idempotency-key-header: the same key and the same request get the same
answer; the same key with another request is refused.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A request's key, within one workspace and for one actor, and what the request was."""

    workspace: str
    actor: str
    key: str
    fingerprint: bytes

    @property
    def owner(self) -> bytes:
        """What a sealed answer belongs to."""
        text = f"{len(self.workspace)}\n{self.workspace}\n{len(self.actor)}\n{self.actor}\n{self.key}"
        return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """An answer under the key ring's AES-256-GCM."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    """A key that was taken: since when, and its answer where it has one."""

    since: datetime
    answer: SealedAnswer | None


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it was given. ``body`` is its exact bytes."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed(Generic[T]):
    """How a command with a key is answered: ``answer`` is made in the transaction that changes something."""

    once: Once
    answer: Callable[[T], StoredAnswer]


def fingerprint(*, method: str, path: str, body: Any, condition: str | None) -> bytes:
    """Return what makes two requests the same: also where the body's keys stand in another order."""
    said = msgspec.json.encode([method, path, condition, body], order="sorted")
    return hashlib.sha256(said).digest()
