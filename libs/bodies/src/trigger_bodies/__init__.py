"""Bodies of HTTP requests, read as a JSON value."""

from trigger_bodies.content_encodings import DecodedTooLargeError, EncodingError, decoded
from trigger_bodies.logged_body import embeddable_json, logged_body
from trigger_bodies.read_body import (
    MAX_DECODED_BYTES,
    BodyFormat,
    ReadBody,
    ReadingProblem,
    binary_body,
    read_body,
    without_largest_files,
)

__all__ = [
    "MAX_DECODED_BYTES",
    "BodyFormat",
    "DecodedTooLargeError",
    "EncodingError",
    "ReadBody",
    "ReadingProblem",
    "binary_body",
    "decoded",
    "embeddable_json",
    "logged_body",
    "read_body",
    "without_largest_files",
]
