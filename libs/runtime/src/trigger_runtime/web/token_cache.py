"""Tokens that were verified a moment ago."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from trigger_runtime.web.token_claims import Principal, Verified

MAX_ENTRIES: Final = 2048
MAX_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Entry:
    principal: Principal
    since: float
    until: float
    key_generation: int


class TokenCache:
    """Forgets what was not asked for longest. Only what was verified is in it, so strangers fill nothing.

    Tokens are kept as SHA-256: who gets to read the process's memory finds none to use.
    """

    def __init__(self, *, max_entries: int = MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def get(self, token: bytes, *, now: float, key_generation: int) -> Principal | None:
        """Return whom the token names, where it was verified with these keys and counts at ``now``.

        ``now`` is in Unix seconds. An entry from after ``now`` does not count either: the clock was set back.
        """
        digest = hashlib.sha256(token).digest()
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if entry.key_generation != key_generation or not entry.since <= now < entry.until:
            del self._entries[digest]
            return None
        self._entries.move_to_end(digest)
        return entry.principal

    def put(self, token: bytes, *, verified: Verified, now: float, key_generation: int) -> None:
        """Remember a token that was verified at ``now`` for as long as it counts, at most a minute."""
        self._entries[hashlib.sha256(token).digest()] = _Entry(
            verified.principal,
            max(verified.since, now),
            min(verified.until, now + MAX_SECONDS),
            key_generation,
        )
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)
