"""Cron expressions as a sentence."""

import re
from collections.abc import Sequence
from typing import Final

from cron_descriptor import CasingTypeEnum, ExpressionDescriptor, Options

from trigger_cron import expanded

# A rule for days in a list with others: the library puts them into words that mean something else.
_MIXED: Final = re.compile(r"[0-9A-Z]*(?:#[0-9]|L|W)[0-9A-Z]*,|,[0-9A-Z]*(?:#[0-9]|L|W)", re.ASCII)


def in_words(expressions: Sequence[str], *, timezone: str) -> str:
    """Return a sentence for valid expressions."""
    return f"{'; '.join(_words(expression) for expression in expressions)}, {timezone}"


def _words(expression: str) -> str:
    fields = expanded(expression)
    if any(_MIXED.search(field) for field in fields.split()[2:5:2]):
        return fields
    options = Options()
    options.casing_type = CasingTypeEnum.Sentence
    options.use_24hour_time_format = True
    options.verbose = True
    return str(ExpressionDescriptor(fields, options).get_full_description())
