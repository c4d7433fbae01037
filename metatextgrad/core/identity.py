"""Content identity: the same value has the same id on every machine."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Base of all data: frozen, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Content(Value):
    """Base of data that is stored under its content."""

    @property
    def id(self) -> str:
        """Hash the content; 24 hexadecimal digits."""
        return content_id(self.model_dump(mode="json"))


def canonical_json(value: Any) -> str:
    """Write JSON in the one form that is hashed: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_id(value: Any) -> str:
    """Hash any JSON value; 24 hexadecimal digits of SHA-256."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()[:24]
