"""Identities that have to come out the same wherever they are made."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

# Frozen: changing one of these would give a redelivered message a second execution.
_DELIVERY = UUID("6f1c54a4-0d5e-5f0b-9a3e-2f6d3c1e7a01")
_EVENT = UUID("6f1c54a4-0d5e-5f0b-9a3e-2f6d3c1e7a02")
_MANUAL = UUID("6f1c54a4-0d5e-5f0b-9a3e-2f6d3c1e7a04")
_FIRE = UUID("6f1c54a4-0d5e-5f0b-9a3e-2f6d3c1e7a03")
_BACKFILL = UUID("6f1c54a4-0d5e-5f0b-9a3e-2f6d3c1e7a05")


def uuid7(*, unix_ms: int, randomness: bytes) -> UUID:
    """Return a version 7 UUID (RFC 9562, 5.7) of a Unix time in milliseconds and 10 random bytes."""
    if len(randomness) != 10 or not 0 <= unix_ms < 1 << 48:
        raise ValueError("a version 7 UUID takes a 48-bit time in milliseconds and 10 random bytes")
    value = unix_ms << 80 | int.from_bytes(randomness, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def delivery_execution_id(trigger_id: UUID, *, key: str) -> UUID:
    """Return the execution id of a delivery that carries an idempotency key."""
    return uuid5(_DELIVERY, f"{trigger_id}\n{key}")


def manual_execution_id(trigger_id: UUID, *, key: str) -> UUID:
    """Return the execution id of a run by hand that was asked for with an idempotency key.

    Apart from the deliveries' ids: the same key on both doors is not the same request.
    """
    return uuid5(_MANUAL, f"{trigger_id}\n{key}")


def event_execution_id(trigger_id: UUID, *, source: str, event_id: str) -> UUID:
    """Return the execution id of an event: CloudEvents 1.0 makes ``source`` + ``id`` unique."""
    return uuid5(_EVENT, f"{trigger_id}\n{len(source)}\n{source}\n{event_id}")


def fire_execution_id(trigger_id: UUID, *, nominal_time: datetime) -> UUID:
    """Return the execution id of a schedule's fire at its nominal (not its actual) time.

    Raises ``ValueError`` for a time without a zone, which would be read in the zone of the machine.
    """
    if nominal_time.tzinfo is None:
        raise ValueError("a nominal time needs a zone")
    return uuid5(_FIRE, f"{trigger_id}\n{nominal_time.astimezone(UTC).isoformat()}")


def backfill_execution_id(trigger_id: UUID, *, request_id: UUID, nominal_time: datetime) -> UUID:
    """Return the execution id of a fire that a backfill runs: not the fire's own, nor another backfill's.

    Raises ``ValueError`` for a time without a zone.
    """
    if nominal_time.tzinfo is None:
        raise ValueError("a nominal time needs a zone")
    return uuid5(_BACKFILL, f"{trigger_id}\n{request_id}\n{nominal_time.astimezone(UTC).isoformat()}")
