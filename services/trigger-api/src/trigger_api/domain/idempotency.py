"""Requests that come twice and mean one thing (``Idempotency-Key``).

The header follows draft-ietf-httpapi-idempotency-key-header: the same key and the same request get the same
response; the same key with another request is refused.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A request's key, within one workspace and for one actor, and what the request was."""

    workspace: str
    actor: str
    key: str
    fingerprint: bytes

    @property
    def owner(self) -> bytes:
        """What a sealed response belongs to."""
        text = f"{len(self.workspace)}\n{self.workspace}\n{len(self.actor)}\n{self.actor}\n{self.key}"
        return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True)
class SealedResponse:
    """A response under the key ring's AES-256-GCM."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    """A key that a request has claimed: since when, and the response to an earlier request with it."""

    since: datetime
    response: SealedResponse | None


class StoredResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A response as it is sent and may be stored. ``body`` is its exact bytes."""

    status: int
    headers: dict[str, str]
    body: bytes


def replayed(response: StoredResponse) -> StoredResponse:
    """Return the response to a request that was carried out before."""
    return msgspec.structs.replace(response, headers={**response.headers, "Idempotent-Replayed": "true"})


def fingerprint(*, method: str, path: str, body: Any, condition: str | None) -> bytes:
    """Return what makes two requests the same: also where the body's keys stand in another order."""
    text = msgspec.json.encode([method, path, condition, body], order="sorted")
    return hashlib.sha256(text).digest()
