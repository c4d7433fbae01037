"""Checkpoints in few bytes: LangGraph writes all channels, and the version of each, at every superstep.

The names in them are the same each time, so a checkpoint is deflated with a dictionary that has them. Versions are made
short, and told as how far they are from the newest, which is the same again at each turn of a loop. What was written
before reads as it did.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from metatextgrad.runtime.dictionary import DICTIONARY

MARK = "+d1"
"""Stands after the type of what is deflated, and names the dictionary: a better one needs another mark."""
_SMALLEST = 48
"""Bytes from which deflating saves any."""
_WINDOW = -12
"""Deflate without a header, and with a window of 4 kB: that takes in all of the dictionary, and is quick to set up."""
_MEMORY = 5
_NEAR = 16
"""Versions that are further from the newest stay as they are: they are those of channels that do not change."""


class Compact(JsonPlusSerializer):
    """LangGraph's serializer, as strict as it is told to be, that deflates."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Serialize, and mark the type of what is deflated."""
        kind, data = super().dumps_typed(_near(obj) if _is_checkpoint(obj) else obj)
        if len(data) < _SMALLEST:
            return kind, data
        deflating = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
        return kind + MARK, deflating.compress(data) + deflating.flush()

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Read what is deflated, and what is not."""
        kind, written = data
        if kind.endswith(MARK):
            inflating = zlib.decompressobj(_WINDOW, DICTIONARY)
            kind, written = kind.removesuffix(MARK), inflating.decompress(written) + inflating.flush()
        read = super().loads_typed((kind, written))
        return _whole(read) if _is_checkpoint(read) else read


def next_version(current: str | None) -> str:
    """Return the version of a channel that comes after this one, be it of this form or of that of LangGraph's savers.

    Versions are compared as strings: the number of digits comes first here, and LangGraph's begin with zeros.
    """
    return _short(_number(current or "0") + 1)


def _short(number: int) -> str:
    return f"{len(str(number))}{number}"


def _number(version: str) -> int:
    whole = version.partition(".")[0]
    return int(whole if whole.startswith("0") else whole[1:])


def _is_short(version: Any) -> bool:
    return isinstance(version, str) and version.isdigit()


def _is_checkpoint(value: Any) -> bool:
    return isinstance(value, dict) and "channel_versions" in value and "versions_seen" in value


def _near(checkpoint: dict[str, Any]) -> dict[str, Any]:
    newest: Any = max(checkpoint["channel_versions"].values(), default=None)
    if not _is_short(newest):
        return checkpoint
    last = _number(newest)

    def near(version: str) -> str | int:
        distance = last - _number(version) if _is_short(version) else _NEAR
        return distance if 0 <= distance < _NEAR else version

    return {**_each(checkpoint, near), "newest": newest}


def _whole(checkpoint: dict[str, Any]) -> dict[str, Any]:
    if "newest" not in checkpoint:
        return checkpoint
    last = _number(checkpoint.pop("newest"))
    return _each(checkpoint, lambda version: _short(last - version) if isinstance(version, int) else version)


def _each(checkpoint: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    def changed(versions: Mapping[str, Any]) -> dict[str, Any]:
        return {channel: change(version) for channel, version in versions.items()}

    seen = {node: changed(versions) for node, versions in checkpoint["versions_seen"].items()}
    return {**checkpoint, "channel_versions": changed(checkpoint["channel_versions"]), "versions_seen": seen}


def untraced(config: RunnableConfig) -> RunnableConfig:
    """Return where a checkpoint belongs, without what traces show, which LangGraph would copy into each."""
    return {"configurable": config["configurable"]}
