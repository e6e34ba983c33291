"""Typed errors to problems: the one place."""

import structlog

from trigger_api.domain.aggregate import UnreadableEventError
from trigger_api.domain.history import NoSuchVersionError
from trigger_api.domain.trigger_decisions import TriggerTypeFixedError
from trigger_api.ports import (
    ConcurrentChangeError,
    FiringTooLargeError,
    FiringUnconfirmedError,
    KeyReusedError,
    NotFoundError,
    OutcomeUnknownError,
    ResponseLostError,
    SampleUnavailableError,
    ScheduleUnavailableError,
    SecretNotUsedError,
    StaleVersionError,
    TriggerDisabledError,
)
from trigger_api.usecases.sample_tests import SampleTimeoutError
from trigger_runtime.postgres import DatabaseUnavailableError
from trigger_runtime.web.problem import ProblemError, not_found, unavailable

log = structlog.stdlib.get_logger(__name__)


def problem_of(error: Exception) -> ProblemError | None:
    """Return the problem that an error is shown as, ``None`` for an unexpected one."""
    return _outage(error) or _refusal(error) or _conflict(error)


def _outage(error: Exception) -> ProblemError | None:
    match error:
        case FiringUnconfirmedError():
            return unavailable(
                "The bus did not confirm the request, which may still run. Repeat it with an Idempotency-Key."
            )
        case SampleTimeoutError():
            return unavailable("The condition was not evaluated in time. Try again with a smaller sample.")
        case SampleUnavailableError():
            log.warning("sample not tested", reason=str(error))
            return unavailable(f"The service that decides does not answer now: {error}.")
        case ScheduleUnavailableError():
            log.warning("schedule not asked", reason=str(error))
            return unavailable(
                "The schedule cannot be reached now, or is not there yet. Try again; a run or a backfill "
                "with an Idempotency-Key, for it may have been done."
            )
        case DatabaseUnavailableError():
            return unavailable("The database cannot be reached. Try again.")
        case UnreadableEventError():
            log.error("event of a newer release", reason=str(error))
            return unavailable(
                "It was changed by a newer release of this service, which is being rolled out."
            )
        case _:
            return None


def _refusal(error: Exception) -> ProblemError | None:
    match error:
        case NotFoundError():
            return not_found(str(error))
        case NoSuchVersionError():
            return not_found(f"{error} at that time or version")
        case KeyReusedError():
            return ProblemError(
                422,
                code="idempotency_key_reused",
                detail="This Idempotency-Key came before, with another request.",
            )
        case FiringTooLargeError():
            return ProblemError(413, code="body_too_large", detail="The inputs are more than the bus takes.")
        case _:
            return None


def _conflict(error: Exception) -> ProblemError | None:
    match error:
        case StaleVersionError():
            why = error.why or "If-Match, or the version in the body, names another: read it again."
            detail = f'The version is "{error.current}" by now. {why}'
            return ProblemError(412, code="stale_version", detail=detail)
        case ConcurrentChangeError():
            return ProblemError(409, code="conflict", detail="Others changed it at the same time: try again.")
        case OutcomeUnknownError():
            detail = (
                "An earlier request with this Idempotency-Key may have been carried out, and would be "
                f"refused by now: {error} Look at the trigger's executions before you ask with another key."
            )
            return ProblemError(409, code="outcome_unknown", detail=detail)
        case ResponseLostError():
            detail = "This request was carried out before, and its answer cannot be read any more."
            return ProblemError(409, code="answer_lost", detail=detail)
        case TriggerDisabledError():
            return ProblemError(409, code="trigger_disabled", detail="The trigger is paused.")
        case SecretNotUsedError():
            return ProblemError(
                409, code="secret_not_used", detail="The trigger's configuration takes no secret."
            )
        case TriggerTypeFixedError():
            return ProblemError(409, code="trigger_type_fixed", detail="A trigger's type cannot be changed.")
        case _:
            return None
