"""JSON values: equality as readers see it, and merge patches (RFC 7396)."""

from typing import Any

import msgspec


def identical(one: object, other: object) -> bool:
    """Compare as JSON: to Python ``1 == True == 1.0``, and to a filter or a template they differ.

    The members of an object have no order (RFC 8259, 4): many clients send back what they read sorted.
    """
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def merge(target: Any, patch: Any) -> Any:
    """Return ``target`` with ``patch`` merged in; ``null`` in the patch removes."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def merge_sent(target: Any, patch: Any) -> Any:
    """Return ``target`` with what was sent merged in: a merge patch, or all that GET showed, with its ``id``.

    What was shown holds members that are ``null``, and a patch would remove them: there, what is as it was
    stays. The ``id`` is not a part of ``target``.
    """
    if not isinstance(patch, dict) or "id" not in patch:
        return merge(target, patch)
    return merge(target, _without_unchanged(target, {name: patch[name] for name in patch if name != "id"}))


def _without_unchanged(target: Any, sent: Any) -> Any:
    if not isinstance(sent, dict) or not isinstance(target, dict):
        return sent
    return {
        name: _without_unchanged(target.get(name), value)
        for name, value in sent.items()
        if name not in target or not identical(target[name], value)
    }
