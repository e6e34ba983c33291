"""What the log hides of a request that the workflow got: values that may be credentials by their names.

What certainly is one never reaches this service.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from trigger_webhooks import Place, Sensitivity, sensitivity_of, without_values

HIDDEN: Final = "[hidden]"
_REDACTED: Final = "[redacted]"


def with_hidden_values(values: Mapping[str, Any], *, place: Place, visible: Collection[str]) -> Raw:
    """Return headers or a query as the log shows them; ``visible`` names, in lower case, stay."""
    return Raw(
        msgspec.json.encode(
            {name: _shown(value, name=name, place=place, visible=visible) for name, value in values.items()}
        )
    )


def _shown(value: Any, *, name: str, place: Place, visible: Collection[str]) -> Any:
    # A request that an older release recorded has its credentials redacted by other rules.
    is_harmless = sensitivity_of(name, place=place) is Sensitivity.HARMLESS
    if value == _REDACTED or not (is_harmless or name.lower() in visible):
        return _REDACTED if value == _REDACTED else HIDDEN
    if isinstance(value, list):
        return [_without_weak_values(one, visible=visible) for one in value]
    return _without_weak_values(value, visible=visible)


def _without_weak_values(text: str, *, visible: Collection[str]) -> str:
    """Hide weak words in the addresses of a text: what is a credential there is redacted already."""
    if "=" not in text and "%" not in text:
        return text
    return without_values(text, sensitivities=(Sensitivity.HIDDEN,), replacement=HIDDEN, visible=visible)
