"""What users write in configurations: conditions and filters on events, and templates."""

from trigger_expressions.conditions import (
    MAX_LENGTH,
    EvaluationError,
    Expression,
    ExpressionError,
    problems_of,
)
from trigger_expressions.filters import filter_problems, filters_hold, json_equal
from trigger_expressions.references import FIELDS, circles, missing_value_reason, nodes_read, paths_of
from trigger_expressions.templates import ROOTS, Choice, Literal, TemplateError, choices_in, parts

__all__ = [
    "FIELDS",
    "MAX_LENGTH",
    "ROOTS",
    "Choice",
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "Literal",
    "TemplateError",
    "choices_in",
    "circles",
    "filter_problems",
    "filters_hold",
    "json_equal",
    "missing_value_reason",
    "nodes_read",
    "parts",
    "paths_of",
    "problems_of",
]
