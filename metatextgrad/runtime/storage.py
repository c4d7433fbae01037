"""Failures of the databases that hold runs, in one error with the way out."""

import sqlite3
import sys

from metatextgrad.core.errors import StorageError

_WAYS_OUT = {
    "full": "Free some space",
    "locked": "End the program that holds its database",
    "readonly": "Make it writable",
    "malformed": "Put back a sound copy",
}
_OTHERWISE = "See that its database is there and answers"


def is_of_a_database(error: Exception) -> bool:
    """Tell whether an error comes from SQLite or PostgreSQL."""
    psycopg = sys.modules.get("psycopg")  # not imported: it is an extra
    return isinstance(error, sqlite3.Error) or (psycopg is not None and isinstance(error, psycopg.Error))


def storage_error(error: Exception) -> StorageError:
    """Say what the store failed with, and what to do."""
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    way_out = next((way for sign, way in _WAYS_OUT.items() if sign in reason), _OTHERWISE)
    return StorageError(f"The workspace failed: {reason.rstrip('.')}. {way_out}, then resume; what was kept is kept.")
