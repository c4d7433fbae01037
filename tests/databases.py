"""A PostgreSQL database of its own for each test, where a server answers."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

SERVER = os.environ.get("METATEXTGRAD_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
"""Where tests make and drop databases."""


def missing() -> str:
    """Say why there is no server to test with; empty where there is one."""
    try:
        psycopg.connect(SERVER, connect_timeout=5).close()
    except psycopg.Error as error:
        return f"no PostgreSQL (METATEXTGRAD_TEST_POSTGRES): {str(error).splitlines()[0]}"
    return ""


@contextmanager
def fresh_database(server: str = SERVER, *, like: str = "template1") -> Iterator[str]:
    """Make a database, empty or like another one, and drop it at the end, whoever is still connected."""
    name = f"metatextgrad_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        template = sql.Identifier(urlsplit(like).path.lstrip("/") or like)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template))
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
