"""Stream ``FIRINGS``: requests to run a trigger now."""

from typing import Any, Final
from uuid import UUID

from trigger_contracts.codec import Codec, Message
from trigger_contracts.config import Time, TriggerType


class ManualFiring(Message, tag="ManualFiring/1", frozen=True, kw_only=True):
    """On ``firings.manual``: a run was asked for, and its execution id was returned."""

    execution_id: UUID
    workspace: str
    trigger_id: UUID
    trigger_type: TriggerType
    trigger_name: str
    trigger_version: int
    workflow_id: UUID
    workflow_version: int | None = None
    """The workflow's version when the run was asked for: an older definition must not run."""
    inputs: dict[str, Any]
    requested_at: Time
    actor: str
    request_id: str


MANUAL: Final[Codec[ManualFiring]] = Codec(ManualFiring)
