"""The page on a port of this computer: nothing is fetched from elsewhere, and nothing that was uploaded is kept."""

import os
import signal
import socket
import sys
import tempfile

from ..errors import UserError

# What a page may load: what this server sends, and what stands in the page itself.
POLICY = b"default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'"
NO_REPORTS = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
HERE = ("127.0.0.1", "::1", "localhost")


def listen(host, port):
    """A socket at which the page will be; UserError where that is not possible."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(f"cannot listen at port {port} of {host}: {error.strerror or error}; name another one with "
                        "port= (0 takes a free one), or another host=") from error


def stay_here():
    """From now on this process connects to no other computer, whatever its libraries would like to tell or to fetch."""
    def refuse(event, arguments):
        if event in ("socket.getaddrinfo", "socket.gethostbyname"):
            name = arguments[0]
        elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
            name = arguments[1][0]
        else:
            return
        if name not in (None, *HERE, *map(str.encode, HERE)):
            raise OSError(f"the demo makes no connections to other computers, such as {name}")

    sys.addaudithook(refuse)


class Closed:
    """An ASGI application whose pages may load nothing from other computers, whatever stands in them."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message["headers"], (b"content-security-policy", POLICY),
                                                 (b"referrer-policy", b"no-referrer")]}
            await send(message)

        await self.app(scope, receive, send_with_policy)


def serve(listening, build, largest, announce):
    """Serve the page until Ctrl-C, which raises KeyboardInterrupt.

    listening   the socket of :func:`listen`
    build       () -> (the ``gradio.Blocks``, the options of its appearance), called once telemetry is off
    largest     of an upload, in MB
    announce    called with no argument when the page can be opened
    """
    os.environ.update(NO_REPORTS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the folder is removed then, too
    with listening, tempfile.TemporaryDirectory(prefix="minicap-demo-", ignore_cleanup_errors=True) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        import fastapi
        import gradio as gr
        import uvicorn

        page, appearance = build()
        app = gr.mount_gradio_app(fastapi.FastAPI(openapi_url=None), page, "/", footer_links=[], run_history=False,
                                  max_file_size=f"{largest}mb", show_error=False, ssr_mode=False, mcp_server=False,
                                  pwa=False, enable_monitoring=False, **appearance)
        stay_here()

        class Server(uvicorn.Server):
            async def startup(self, sockets=None):
                await super().startup(sockets)
                announce()

        Server(uvicorn.Config(Closed(app), log_level="critical", access_log=False, lifespan="on",
                              timeout_graceful_shutdown=1)).run(sockets=[listening])
