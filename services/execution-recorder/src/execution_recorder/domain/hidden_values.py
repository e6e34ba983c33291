"""What the log hides of a request that the workflow got: values that may be credentials by their names.

What certainly is one never reaches this service.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from trigger_webhooks import Place, Sensitivity, sensitivity_of

HIDDEN: Final = "[hidden]"
_REDACTED: Final = "[redacted]"


def with_hidden_values(values: Mapping[str, Any], *, place: Place, visible: Collection[str]) -> Raw:
    """Return headers or a query as the log shows them; ``visible`` names, in lower case, stay."""
    return Raw(
        msgspec.json.encode(
            {
                name: HIDDEN if value != _REDACTED and _hides(name, place=place, visible=visible) else value
                for name, value in values.items()
            }
        )
    )


def _hides(name: str, *, place: Place, visible: Collection[str]) -> bool:
    # A request that an older release recorded has its credentials redacted by other rules.
    return name.lower() not in visible and sensitivity_of(name, place=place) is not Sensitivity.HARMLESS
