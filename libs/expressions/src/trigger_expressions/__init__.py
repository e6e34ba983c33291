"""What users write in configurations: conditions and filters on events, and templates."""

from trigger_expressions.conditions import (
    MAX_LENGTH,
    EvaluationError,
    Expression,
    ExpressionError,
    problems_of,
)
from trigger_expressions.filters import filter_path
from trigger_expressions.templates import ROOTS, Path, TemplateError, parts, paths_in

__all__ = [
    "MAX_LENGTH",
    "ROOTS",
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "Path",
    "TemplateError",
    "filter_path",
    "parts",
    "paths_in",
    "problems_of",
]
