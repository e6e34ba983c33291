"""What a webhook trigger may be: the rules of its options, asked when it is saved and when it is served."""

from trigger_webhooks.addresses import without_values
from trigger_webhooks.config_rules import RULED_FIELDS, errors_between, field_errors, unserved_option
from trigger_webhooks.networks import Network, is_allowed, parse_network
from trigger_webhooks.response_headers import may_be_sent
from trigger_webhooks.secret import (
    SHORTEST_SECRET,
    VERIFY_TOKEN_PROVIDERS,
    generate_secret,
    hash_of_token,
    is_same_form,
    is_token_hash,
    is_usable,
    needs_secret,
    secret_errors,
    secret_warnings,
    without_plain_token,
)
from trigger_webhooks.sensitive_names import Place, Sensitivity, sensitivity_of
from trigger_webhooks.signed_content import SignedContent, SignedContentError, signed_content_of

__all__ = [
    "RULED_FIELDS",
    "SHORTEST_SECRET",
    "VERIFY_TOKEN_PROVIDERS",
    "Network",
    "Place",
    "Sensitivity",
    "SignedContent",
    "SignedContentError",
    "errors_between",
    "field_errors",
    "generate_secret",
    "hash_of_token",
    "is_allowed",
    "is_same_form",
    "is_token_hash",
    "is_usable",
    "may_be_sent",
    "needs_secret",
    "parse_network",
    "secret_errors",
    "secret_warnings",
    "sensitivity_of",
    "signed_content_of",
    "unserved_option",
    "without_plain_token",
    "without_values",
]
