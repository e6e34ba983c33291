"""What is wrong with something a user wrote, and where: every problem at once, each with a JSON pointer."""

from trigger_validation.decoding import CheckField, decode
from trigger_validation.field_error import (
    MAX_FIELD_ERRORS,
    FieldError,
    InvalidError,
    pointer_step,
    raise_if_invalid,
    size_errors,
)

__all__ = [
    "MAX_FIELD_ERRORS",
    "CheckField",
    "FieldError",
    "InvalidError",
    "decode",
    "pointer_step",
    "raise_if_invalid",
    "size_errors",
]
