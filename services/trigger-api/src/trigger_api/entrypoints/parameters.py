"""Parameters that several operations take, as the API's document describes them."""

from typing import Final

from trigger_api.entrypoints.declared import Parameter

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
