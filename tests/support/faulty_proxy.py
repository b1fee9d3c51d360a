"""An HTTP proxy on loopback that answers in a server's place whenever a test or a drill wants a fault."""

import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}


class Call(NamedTuple):
    """One request; ``number`` counts from 1, ``at`` is in seconds of the monotonic clock."""

    number: int
    method: str
    path: str
    at: float
    size: int


class Answer(NamedTuple):
    """Instead of the server's, or, where ``after``, when the server has carried the request out.

    A ``status`` of 0 closes the connection without a word.
    """

    status: int = 500
    retry_after: int | None = None
    delay: float = 0.0
    after: bool = False


class FaultyProxy:
    """Passes every request on to ``127.0.0.1:port`` unless ``fault(call)`` gives an answer of its own.

    ``fault`` may be replaced at any time. ``calls`` are those seen so far.
    """

    def __init__(self, port: int) -> None:
        self.calls: list[Call] = []
        self.fault: Callable[[Call], Answer | None] = lambda call: None
        self._guard = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                proxy._serve(self, port)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _any

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:  # a client that gave up
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler, port: int) -> None:
        body = _body(handler)
        with self._guard:
            call = Call(len(self.calls) + 1, handler.command, handler.path, time.monotonic(), len(body))
            self.calls.append(call)
        fault = self.fault(call)
        if fault is None or fault.after:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            try:
                connection.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
                for name, value in handler.headers.items():
                    if name.lower() not in HOP:
                        connection.putheader(name, value)
                connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):  # the server itself is gone
                fault = fault or Answer(0)
            finally:
                connection.close()
        if fault is not None:
            time.sleep(fault.delay)
            if fault.status == 0:
                handler.close_connection = True
                return
            if fault.status:
                handler.send_response(fault.status)
                if fault.retry_after is not None:
                    handler.send_header("Retry-After", str(fault.retry_after))
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                handler.send_header(name, value)
        length = answer.getheader("Content-Length") if handler.command == "HEAD" else str(len(content))
        if length is not None:
            handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(content)


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    parts = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    while handler.rfile.readline().strip():  # trailers
        pass
    return b"".join(parts)
