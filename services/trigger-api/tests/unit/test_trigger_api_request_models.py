"""What is said of a request that does not fit can be read by people."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from trigger_api.entrypoints import request_models
from trigger_contracts.config import EventConfig, ManualConfig, ScheduleConfig, WebhookConfig
from trigger_validation import InvalidError, decode

REQUEST_MODELS = [
    *(
        kind
        for kind in vars(request_models).values()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind.__module__ == request_models.__name__
    ),
    ScheduleConfig,
    WebhookConfig,
    EventConfig,
    ManualConfig,
]


def texts(node: Any, *, seen: set[type], extra: dict[str, Any] | None = None) -> Iterator[tuple[str, Any]]:
    """Yield the pattern of each text that a type holds, and what its ``Meta`` says to people."""
    below: list[Any] = []
    match node:
        case inspect.Metadata():
            yield from texts(node.type, seen=seen, extra=node.extra)
        case inspect.StrType(pattern=str(pattern)):
            yield pattern, (extra or {}).get("words")
        case inspect.StructType() if node.cls not in seen:
            seen.add(node.cls)
            below = [field.type for field in node.fields]
        case inspect.UnionType():
            below = list(node.types)
        case inspect.DictType():
            below = [node.key_type, node.value_type]
        case inspect.CollectionType() | inspect.VarTupleType():
            below = [node.item_type]
    for one in below:
        yield from texts(one, seen=seen)


PATTERNS = sorted(
    {pair for kind in REQUEST_MODELS for pair in texts(inspect.type_info(kind), seen=set())}, key=str
)


@pytest.mark.parametrize(("pattern", "words"), PATTERNS)
def test_a_pattern_is_explained_in_words_with_an_example_that_fits(pattern: str, words: str | None) -> None:
    assert words is not None
    assert pattern not in words
    example = re.fullmatch(r"Expected [^.]+\. Example: (.+)\.", words)
    assert example
    assert re.search(pattern, example[1])


def test_all_patterns_are_looked_at() -> None:
    assert len(PATTERNS) >= 6


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (request_models.PatchWorkflow, {"name": " "}, "Expected a name that is not blank."),
        (WebhookConfig, {"customHeaders": {"a b": "c"}}, "The name: Expected the name of a header."),
        (WebhookConfig, {"signatureHeader": "a b"}, "Expected the name of a header."),
    ],
)
def test_no_refusal_shows_a_regular_expression(kind: type, body: Any, words: str) -> None:
    with pytest.raises(InvalidError) as refused:
        decode(body, kind)
    (error,) = refused.value.field_errors
    assert error.detail.startswith(words)
    assert "regex" not in error.detail
