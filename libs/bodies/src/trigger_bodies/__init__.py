"""Bodies of HTTP requests, read as a JSON value."""

from trigger_bodies.content_encodings import DecodedTooLargeError, EncodingError, decoded
from trigger_bodies.read_body import BodyFormat, ReadBody, ReadingProblem, binary_body, read_body

__all__ = [
    "BodyFormat",
    "DecodedTooLargeError",
    "EncodingError",
    "ReadBody",
    "ReadingProblem",
    "binary_body",
    "decoded",
    "read_body",
]
