"""A web server on 127.0.0.1 that misbehaves as instructed, for the tests of the downloader.

    server = FaultyServer()
    server.routes["/file"] = [breaks_off(body, after=100), serves(body)]  # one per request, the last one stays
    server.requests                                                       # [(path, headers), ...] as they came
    server.sent                                                           # bytes that :func:`sends` got rid of
"""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FaultyServer:
    def __init__(self, tls=None):
        """With ``tls``, an ssl.SSLContext, at https://."""
        self.routes, self.requests, self.closing, self.sent = {}, [], threading.Event(), 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner.requests.append((self.path, dict(self.headers)))
                behaviours = owner.routes.get(self.path, [fails(404)])
                behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
                self.close_connection = True
                behaviour(self, owner)

            def log_message(self, *args):
                pass

            def answer(self, status, body=b"", **headers):
                """Header names are given with `_` for `-`; a header that is None is left out."""
                self.send_response(status)
                for name, value in ({"Content_Length": len(body)} | headers).items():
                    if value is not None:
                        self.send_header(name.replace("_", "-"), str(value))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.base = f"http{'s' * (tls is not None)}://127.0.0.1:{self._server.server_port}"

    def close(self):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def ranges(self):
        """The Range header of each request, None where it had none."""
        return [headers.get("Range") for _, headers in self.requests]


def serves(body, *, etag='"v1"', ranges=True, **headers):
    """A correct server. With ``ranges=False`` it ignores Range and sends everything."""

    def behave(handler, owner):
        asked = handler.headers.get("Range")
        fresh = handler.headers.get("If-Range") in (None, etag, headers.get("Last_Modified"))
        if not (ranges and asked and fresh):
            return handler.answer(200, body, ETag=etag, **headers)
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            return handler.answer(416, Content_Range=f"bytes */{len(body)}")
        content_range = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return handler.answer(206, body[start:], ETag=etag, Content_Range=content_range, **headers)

    return behave


def breaks_off(body, *, after, etag='"v1"', **headers):
    """Promises what is left of ``body`` and closes the connection before byte number ``after``; understands Range."""

    def behave(handler, owner):
        asked = handler.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        more = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if asked else {}
        promised = {"Content_Length": len(body) - start, "ETag": etag}
        handler.answer(206 if asked else 200, body[start:after], **(promised | more | headers))

    return behave


def stalls(body, *, after, etag='"v1"'):
    """Sends the first ``after`` bytes of ``body``, then nothing more, and keeps the connection open."""

    def behave(handler, owner):
        handler.answer(200, body[:after], ETag=etag, Content_Length=len(body))
        handler.wfile.flush()
        owner.closing.wait(10)

    return behave


def says_nothing(handler, owner):
    owner.closing.wait(10)


def fails(status):
    return lambda handler, owner: handler.answer(status, b"sorry")


def redirects(address):
    return lambda handler, owner: handler.answer(302, Location=address)


def answers(status, body=b"", **headers):
    """Exactly this, whatever was asked."""
    return lambda handler, owner: handler.answer(status, body, **headers)


def sends(first, again=b"", *, every=0.0, most=1 << 26):
    """These bytes and no others, not even a status line; then ``again``, until the client leaves or ``most`` are sent.

    ``every``: seconds between two of them.
    """
    def behave(handler, owner):
        with contextlib.suppress(OSError):  # the client has left
            handler.connection.sendall(first)
            while again and owner.sent < most and not owner.closing.wait(every):
                handler.connection.sendall(again)
                owner.sent += len(again)

    return behave
