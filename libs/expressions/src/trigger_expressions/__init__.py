"""What users write in configurations: conditions and filters on events and payloads, and templates."""

from trigger_expressions.conditions import (
    MAX_LENGTH,
    EvaluationError,
    Expression,
    ExpressionError,
    paths_in,
    problems_of,
)
from trigger_expressions.filters import (
    PAYLOAD_FIELDS,
    filter_problems,
    filters_hold,
    is_equal_at,
    json_equal,
    value_of,
)
from trigger_expressions.references import FIELDS, circles, missing_value_reason, nodes_read, paths_of
from trigger_expressions.subjects import EVENT, PAYLOAD, Subject
from trigger_expressions.templates import ROOTS, Choice, Literal, TemplateError, choices_in, parts

__all__ = [
    "EVENT",
    "FIELDS",
    "MAX_LENGTH",
    "PAYLOAD",
    "PAYLOAD_FIELDS",
    "ROOTS",
    "Choice",
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "Literal",
    "Subject",
    "TemplateError",
    "choices_in",
    "circles",
    "filter_problems",
    "filters_hold",
    "is_equal_at",
    "json_equal",
    "missing_value_reason",
    "nodes_read",
    "parts",
    "paths_in",
    "paths_of",
    "problems_of",
    "value_of",
]
