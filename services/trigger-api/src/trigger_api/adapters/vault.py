"""Sealing with the service's key ring."""

from collections.abc import Callable
from uuid import UUID

from trigger_api.domain.idempotency import IdempotencyKey, SealedResponse
from trigger_api.ports import ResponseLostError
from trigger_contracts.config import SealedSecret
from trigger_runtime.sealing import KeyRing, Sealed, SealError


class RingVault:
    """What is sealed belongs to its owner: moved to another row it cannot be opened."""

    def __init__(self, ring: KeyRing, *, random_bytes: Callable[[int], bytes]) -> None:
        self._ring = ring
        self._random_bytes = random_bytes

    def seal_secret(self, secret: str, *, secret_id: UUID, trigger_id: UUID) -> SealedSecret:
        sealed = self._ring.seal(secret.encode(), belongs_to=trigger_id.bytes, nonce=self._random_bytes(12))
        return SealedSecret(
            id=secret_id, key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=sealed.ciphertext
        )

    def seal_response(self, response: bytes, *, key: IdempotencyKey) -> SealedResponse:
        sealed = self._ring.seal(response, belongs_to=key.owner, nonce=self._random_bytes(12))
        return SealedResponse(key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=sealed.ciphertext)

    def open_response(self, sealed: SealedResponse, *, key: IdempotencyKey) -> bytes:
        box = Sealed(key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=sealed.ciphertext)
        try:
            return self._ring.open(box, belongs_to=key.owner)
        except SealError as error:
            raise ResponseLostError(str(error)) from error
