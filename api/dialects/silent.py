"""Fields that one dialect has alone and whose loss changes neither the answer nor the bill: nobody is told of it."""

from typing import Final

# Wishes about the wire, bookkeeping, and what the gateway itself has seen to before it translates.
SILENT: Final = frozenset(
    {
        *("stream_options", "store", "include", "background", "previous_response_id", "context_management"),
        *("client_metadata", "safety_identifier", "diagnostics", "betas"),
    }
)
