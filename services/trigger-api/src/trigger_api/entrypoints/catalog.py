"""``/api/trigger-types``: what can be configured, for forms and for people who write configurations."""

from typing import Any, Final

import msgspec

from trigger_api.entrypoints import response_models as responses
from trigger_api.entrypoints.http import READ
from trigger_contracts.config import (
    EventConfig,
    ManualConfig,
    ScheduleConfig,
    TriggerConfig,
    TriggerType,
    WebhookConfig,
)
from trigger_contracts.webhook_providers import PROVIDER_SECRETS
from trigger_runtime import zone_data
from trigger_runtime.web.operations import Success, operation

_CONFIGS: Final[dict[TriggerType, type[TriggerConfig]]] = {
    TriggerType.SCHEDULE: ScheduleConfig,
    TriggerType.WEBHOOK: WebhookConfig,
    TriggerType.EVENT: EventConfig,
    TriggerType.MANUAL: ManualConfig,
}


def catalog() -> responses.TriggerTypesDocument:
    """Return the types of triggers and the providers."""
    return responses.TriggerTypesDocument(
        items=[
            responses.TriggerTypeDocument(
                type=kind, description=_description(config), config_schema=_schema(config)
            )
            for kind, config in _CONFIGS.items()
        ],
        providers=[
            responses.ProviderDocument(
                id=provider.value,
                secret=rule.what,
                is_secret_from_provider=not rule.chosen_by_user,
                secret_pattern=f"^(?:{rule.pattern})$",
            )
            for provider, rule in PROVIDER_SECRETS.items()
        ],
        time_zone_data=zone_data.in_force().edition,
    )


def _schema(config: type[TriggerConfig]) -> dict[str, Any]:
    """Return the JSON Schema of a configuration, as the API takes it: closed, the type beside it."""
    schema: dict[str, Any] = msgspec.json.schema(config)
    own = schema["$defs"][config.__name__]
    tag = str(config.__struct_config__.tag_field)
    own["properties"].pop(tag)
    own["required"] = [name for name in own["required"] if name != tag]
    for part in schema["$defs"].values():
        if part.get("type") == "object" and "properties" in part:
            part["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _description(config: type[TriggerConfig]) -> str:
    return (config.__doc__ or "").strip().splitlines()[0]


class CatalogHandlers:
    """The handler; its response is made once."""

    def __init__(self) -> None:
        self._document = catalog()

    @operation(
        "GET", "/api/trigger-types", scope=READ, tag="Triggers", success=Success(description="The types.")
    )
    async def list_trigger_types(self) -> responses.TriggerTypesDocument:
        """What can be configured: each type's JSON Schema, and the providers."""
        return self._document
