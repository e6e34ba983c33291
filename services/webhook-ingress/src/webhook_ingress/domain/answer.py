"""What the caller gets."""

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``content_type`` is the whole header field, and empty where there is no body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = ""
