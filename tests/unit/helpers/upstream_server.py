"""A real HTTP server on loopback that serves files, and misbehaves as upstream servers do when it is told to."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler", bytes], None]


class Server(ThreadingHTTPServer):
    """``files`` is {path: content}; ``next`` {path: what the next requests get instead}; ``asked`` (path, range)s."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or Handler)
        self.files: dict[str, bytes] = {}
        self.next: dict[str, list[Behaviour]] = defaultdict(list)
        self.asked: list[tuple[str, str | None]] = []
        self.closing = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client may hang up on a file that it refuses."""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        content = self.server.files.get(self.path, b"")
        if self.server.next[self.path]:
            self.server.next[self.path].pop(0)(self, content)
        elif self.path in self.server.files:
            serve(self, content)
        else:
            status(404)(self, content)

    def log_message(self, *_: object) -> None:
        pass


def serve(handler: Handler, content: bytes, cut: int | None = None, ranges: bool = True) -> None:
    """Send a file or the range that was asked for (``a-b``, ``a-``, ``-n``); close after ``cut`` bytes of it.

    A header is asked for in the same way, and answered without the content.
    """
    tag, start, end = f'"{hashlib.sha256(content).hexdigest()}"', 0, len(content)
    asked = handler.headers.get("Range")
    if ranges and asked and handler.headers.get("If-Range") in (None, tag):
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(content) - int(last))
        end = min(int(last) + 1, len(content)) if first and last else len(content)
        if start >= end:
            handler.send_error(416)
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(end - start))
    handler.send_header("ETag", tag)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(content[start:end] if cut is None else content[start : min(end, start + cut)])
    handler.close_connection = True


def cut(count: int) -> Behaviour:
    return lambda handler, content: serve(handler, content, cut=count)


def status(code: int, **headers: str) -> Behaviour:
    def behave(handler: Handler, _: bytes) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


def stall(handler: Handler, content: bytes) -> None:
    """Send half of the file and then nothing more."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.server.closing.wait()


@contextmanager
def running(server: Any = None) -> Iterator[Any]:
    server = server or Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
