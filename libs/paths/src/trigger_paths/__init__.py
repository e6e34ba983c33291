"""Paths into JSON values: one grammar for templates, event filters and idempotency keys."""

from trigger_paths.grammar import MAX_LENGTH, MAX_STEPS, parse_path, scan_path, scan_text, stored_path
from trigger_paths.lookup import MISSING, Missing, value_at
from trigger_paths.notation import Path, PathError, format_path

__all__ = [
    "MAX_LENGTH",
    "MAX_STEPS",
    "MISSING",
    "Missing",
    "Path",
    "PathError",
    "format_path",
    "parse_path",
    "scan_path",
    "scan_text",
    "stored_path",
    "value_at",
]
