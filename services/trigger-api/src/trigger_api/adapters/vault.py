"""Sealing with the service's key ring."""

from collections.abc import Callable
from uuid import UUID

from trigger_api.domain.idempotency import Once, SealedAnswer
from trigger_api.ports import AnswerLostError
from trigger_contracts.config import SealedSecret
from trigger_runtime.sealing import KeyRing, Sealed, SealError


class RingVault:
    """What is sealed belongs to its owner: moved to another row it cannot be opened."""

    def __init__(self, ring: KeyRing, *, random_bytes: Callable[[int], bytes]) -> None:
        self._ring = ring
        self._random_bytes = random_bytes

    def seal_secret(self, secret: str, *, secret_id: UUID, trigger_id: UUID) -> SealedSecret:
        """Return a webhook's secret, sealed for one trigger."""
        sealed = self._ring.seal(secret.encode(), belongs_to=trigger_id.bytes, nonce=self._random_bytes(12))
        return SealedSecret(
            id=secret_id, key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=sealed.ciphertext
        )

    def seal_answer(self, answer: bytes, *, once: Once) -> SealedAnswer:
        """Return an answer, sealed for one idempotency key."""
        sealed = self._ring.seal(answer, belongs_to=once.owner, nonce=self._random_bytes(12))
        return SealedAnswer(key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=sealed.ciphertext)

    def open_answer(self, sealed: SealedAnswer, *, once: Once) -> bytes:
        """Return an answer. Raises ``AnswerLostError`` where its key is no longer in the ring."""
        box = Sealed(key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=sealed.ciphertext)
        try:
            return self._ring.open(box, belongs_to=once.owner)
        except SealError as error:
            raise AnswerLostError(str(error)) from error
