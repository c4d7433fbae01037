"""Content in the store, under content hashes: put it once, find it by id."""

from typing import TypeVar

from langgraph.store.base import BaseStore, SearchItem

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import Content

ROOT = "metatextgrad"
V = TypeVar("V", bound=Content)


def namespace(*parts: str) -> tuple[str, ...]:
    """Return a namespace of this project; labels may not hold a dot, which names of runs may."""
    return (ROOT, *(part.replace("%", "%25").replace(".", "%2E") for part in parts))


async def put(store: BaseStore, value: Content) -> str:
    """Store a value under its content id and return the id; storing it again changes nothing."""
    identifier = value.id
    await store.aput(namespace(type(value).__name__.lower()), identifier, value.model_dump(mode="json"), index=False)
    return identifier


async def get(store: BaseStore, kind: type[V], identifier: str) -> V:
    """Return the stored value of that id.

    Raises:
        InputError: the store has no such value.
    """
    item = await store.aget(namespace(kind.__name__.lower()), identifier)
    if item is None:
        raise InputError(f"No {kind.__name__.lower()} {identifier!r} in the store; was the workspace changed or moved?")
    return kind.model_validate(item.value)


async def items(store: BaseStore, space: tuple[str, ...]) -> list[SearchItem]:
    """Return all items of a namespace, in one page: PostgreSQL may repeat and skip items of one time on several."""
    limit = 1000
    while len(found := await store.asearch(space, limit=limit)) == limit:
        limit *= 10
    return found
