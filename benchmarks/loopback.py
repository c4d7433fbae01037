"""An OpenAI-compatible server in a process of its own, as cheap as one can be: what network measurements run against.

It answers as the model of `endless` does, after a latency. It speaks just enough HTTP for that, on a bare asyncio
protocol, so that the second core is never what is waited for.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from endless import answer


@dataclass(frozen=True)
class Message:
    """What the model looks at of a message."""

    text: str


class Connection(asyncio.Protocol):
    """One connection that is kept open; a request at a time, as HTTP/1.1 clients send them."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer once the request is whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(self._received) < end + 4 + length:
            return
        body = bytes(self._received[end + 4 : end + 4 + length])
        del self._received[: end + 4 + length]
        asyncio.get_running_loop().call_later(self._latency, self._answer, body)

    def _answer(self, body: bytes) -> None:
        answer = _completion(json.loads(body))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        self._transport.write(head.encode() + answer)


def _completion(asked: dict[str, list[dict[str, str]]]) -> bytes:
    messages = [Message(message["content"]) for message in asked["messages"]]
    text = answer(messages)
    sent, said = sum(len(message.text) for message in messages) // 4, len(text) // 4
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": "endless",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said},
        }
    ).encode()


@contextmanager
def serving(latency: float) -> Iterator[str]:
    """Serve in another process, point OpenAI's models at it, and return its address."""
    command = [sys.executable, __file__, str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none", "NO_PROXY": "127.0.0.1"}
        try:
            yield url
        finally:
            process.terminate()


async def _serve(latency: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(latency), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
