"""Whether two values are the same to whoever reads them as JSON."""

import msgspec


def same(one: object, other: object) -> bool:
    """Compare as JSON: to Python ``1 == True == 1.0``, and to a filter or a template they are different."""
    return msgspec.json.encode(one) == msgspec.json.encode(other)
