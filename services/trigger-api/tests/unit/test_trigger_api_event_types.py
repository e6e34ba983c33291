"""Why an event type is refused, in words that name what to write."""

import pytest

from trigger_api.domain.config_rules import field_errors_of
from trigger_contracts.config import EventConfig


@pytest.mark.parametrize(
    ("event_type", "detail"),
    [
        ("order created", "holds a blank or a control character"),
        ("order\tcreated", "holds a blank or a control character"),
        ("order\u00a0created", "holds a blank or a control character"),
        ("order\x7f", "holds a blank or a control character"),
        ("*", "order.* is all types below order"),
        ("order.*.paid", "a filter on type"),
        ("order.>", "a filter on type"),
        ("a*b", "a filter on type"),
        (".*", "a word missing at a dot"),
        ("a..b", "a word missing at a dot"),
        (".a", "a word missing at a dot"),
        ("a.", "a word missing at a dot"),
    ],
)
def test_a_refused_event_type_names_the_way_out(event_type: str, detail: str) -> None:
    (error,) = field_errors_of(EventConfig(event_type=event_type))
    assert detail in error.detail
