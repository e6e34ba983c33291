"""Parameters of the addresses that stand in other values: in ``Referer``, ``Link``, a query.

An address in an address is percent-encoded, once or more often.
"""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import unquote

from trigger_webhooks.sensitive_names import Place, Sensitivity, sensitivity_of

_MAX_NAME: Final = 256
_DELIMITER: Final = r"(?:^|[?&#;]|%(?:25)*(?:3f|26|23|3b))"
_PARAMETER_NAME: Final = re.compile(
    rf"(?P<before>{_DELIMITER})(?P<name>(?:(?!%(?:25)*(?:3f|26|23|3b|3d))[^?&#;=\s<>\"]){{1,{_MAX_NAME}}})"
    r"(?:=|%(?:25)*3d)",
    re.IGNORECASE,
)
_PARAMETER_VALUE: Final = re.compile(r"(?:(?!%(?:25)*(?:26|23))[^&#\s<>\"])+", re.IGNORECASE)


def without_values(
    text: str, *, sensitivities: Collection[Sensitivity], replacement: str, visible: Collection[str] = ()
) -> str:
    """Return a text with another value for parameters of these sensitivities.

    Names in ``visible``, in lower case, keep theirs.
    """
    parts: list[str] = []
    position = rest = 0
    while (match := _PARAMETER_NAME.search(text, position)) is not None:
        position = match.end()
        name = unquote(match["name"])
        # At the very beginning it may be the name of a signature, as in "sig1=:…:" (RFC 9421).
        place = Place.ADDRESS if match["before"] else Place.HEADER
        if sensitivity_of(name, place=place) in sensitivities and name.lower() not in visible:
            parts += [text[rest:position], replacement]
            value = _PARAMETER_VALUE.match(text, position)
            position = rest = position if value is None else value.end()
    return "".join([*parts, text[rest:]]) if parts else text
