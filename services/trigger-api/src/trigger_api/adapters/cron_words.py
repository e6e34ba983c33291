"""A cron expression as a sentence."""

from cron_descriptor import CasingTypeEnum, ExpressionDescriptor, Options

from trigger_cron import expanded


def in_words(expression: str, *, timezone: str) -> str:
    """Return a sentence for a valid expression."""
    options = Options()
    options.casing_type = CasingTypeEnum.Sentence
    options.use_24hour_time_format = True
    options.verbose = True
    words = ExpressionDescriptor(expanded(expression), options).get_full_description()
    return f"{words}, {timezone}"
