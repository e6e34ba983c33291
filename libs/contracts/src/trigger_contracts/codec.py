"""Messages to bytes and back.

Every message on the bus is a JSON object whose ``message`` field is ``<Name>/<version>``. Unknown
fields are ignored, so that a newer writer does not break an older reader; an unknown name or version
is a different failure from a damaged message, because it is parked until a newer reader comes, while
damage never heals. So a durable consumer tries ``UnknownMessageError`` again and gives up on
``MalformedMessageError`` only: while a newer release is rolled out, its messages meet older readers.
"""

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="message"):
    """What every bus message extends: immutable, keyword-only, camelCase on the wire."""


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A value inside a message."""


class ContractError(Exception):
    """A message that this reader cannot use."""


class MalformedMessageError(ContractError):
    """The bytes are not a message of the contract and never will be."""


class UnknownMessageError(ContractError):
    """A well-formed message of a name or version that this reader does not know yet."""


class _Header(msgspec.Struct):
    message: str


_encoder = msgspec.json.Encoder()
_header = msgspec.json.Decoder(_Header)


def encode(message: Message) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


def tag_of(kind: type[Message]) -> str:
    """Return the ``<Name>/<version>`` tag of a message type."""
    return str(kind.__struct_config__.tag)


class Codec(Generic[T]):
    """Decodes the messages of one stream: a tagged union, given as its members."""

    def __init__(self, *kinds: type[Message]) -> None:
        union: Any = kinds[0]
        for kind in kinds[1:]:
            union = union | kind
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(union)
        self._tags = frozenset(tag_of(kind) for kind in kinds)

    def decode(self, data: bytes) -> T:
        """Return the message.

        Raises ``UnknownMessageError`` for a name or version from the future, ``MalformedMessageError``
        for everything else that does not fit.
        """
        try:
            tag = _header.decode(data).message
            if tag not in self._tags:
                raise UnknownMessageError(f"message {tag[:100]!r} is not known to this reader")
            return self._decoder.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise MalformedMessageError(f"not a message of this stream: {error}") from error
