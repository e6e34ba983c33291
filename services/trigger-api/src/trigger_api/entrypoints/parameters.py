"""Parameters that several operations take, as the API's document describes them."""

from typing import Final

from trigger_api.entrypoints.declared import Parameter

LIMIT: Final = Parameter(
    name="limit",
    where="query",
    schema={"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    description="How many items a page may hold.",
)
CURSOR: Final = Parameter(
    name="cursor",
    where="query",
    schema={"type": "string", "format": "cursor", "maxLength": 1000},
    description="The `nextCursor` of the page before.",
)
HISTORY_CURSOR: Final = Parameter(
    name="cursor",
    where="query",
    schema={"type": "string", "format": "history-cursor", "maxLength": 1000},
    description="The `nextCursor` of the page before.",
)
NAME: Final = Parameter(
    name="name",
    where="query",
    schema={"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[^\u0000]+$"},
    description="A part of the name, in either case.",
)
WORKFLOW_ID: Final = Parameter(
    name="workflowId",
    where="query",
    schema={"type": "string", "format": "uuid"},
    description="Only the triggers of this workflow.",
)
TYPE: Final = Parameter(
    name="type",
    where="query",
    schema={"type": "string", "enum": ["schedule", "webhook", "event", "manual"]},
    description="Only triggers of this type.",
)
ENABLED: Final = Parameter(
    name="enabled",
    where="query",
    schema={"type": "string", "enum": ["true", "false"]},
    description="Only triggers that are enabled, or only those that are paused.",
)
AS_OF: Final = Parameter(
    name="asOf",
    where="query",
    schema={
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 999_999_999},
            {"type": "string", "format": "date-time"},
        ]
    },
    description="As it was at a version, or at a time. Works for what is deleted, too.",
)
IF_MATCH: Final = Parameter(
    name="If-Match",
    where="header",
    schema={"type": "string", "examples": ['"3"']},
    description="The ETag of the version that the change is meant for; another version is a 412.",
)
IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    where="header",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    description="The same key and request get the same answer; the same key with another request is a 422.",
)
