"""Servers of `loopback` that answer in JSON, and remember what they were asked as plain text."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import loopback


@dataclasses.dataclass(frozen=True)
class Asked:
    """A request: the path is decoded, names of headers are in lower case."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Given:
    """What is sent back: bytes as they are, all else as JSON."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclasses.dataclass
class Answering:
    """A running server: its base URL, and all that it was asked."""

    url: str = ""
    asked: list[Asked] = dataclasses.field(default_factory=list)

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


@contextlib.contextmanager
def answering(answer: Callable[[Asked], Given]) -> Iterator[Answering]:
    """Serve; `answer` is called for one request at a time."""
    running = Answering()

    def respond(request: loopback.Request) -> loopback.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(urllib.parse.unquote(request.path), request.query, headers)
        running.asked.append(asked)
        given = answer(asked)
        return loopback.Response(given.status, given.data, given.headers)

    with loopback.serving(respond) as server:
        running.url = server.url
        yield running
