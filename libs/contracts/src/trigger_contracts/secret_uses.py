"""Stream ``SECRETS``: whether senders still use a secret that was rotated away."""

from typing import Final
from uuid import UUID

from trigger_contracts.codec import Codec, Message
from trigger_contracts.trigger_config import Time


class PreviousSecretUsed(Message, tag="PreviousSecretUsed/1", frozen=True, kw_only=True):
    """On ``secrets.<triggerId>``: a request was verified with an older secret, in its overlap.

    Each process publishes it at most once a minute for each secret, so ``at`` is that coarse.
    """

    trigger_id: UUID
    secret_id: UUID
    at: Time


USES: Final[Codec[PreviousSecretUsed]] = Codec(PreviousSecretUsed)
