"""A server on this machine and a cache of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from uai_notebook.datasets import download


class Server:
    """Answers by path: bytes are sent, an int is a status, and a list is answered in turn. Keeps what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                answer = outer.answers.get(self.path, 404)
                if isinstance(answer, list):
                    answer = answer.pop(0) if len(answer) > 1 else answer[0]
                body = answer if isinstance(answer, bytes) else b""
                self.send_response(200 if body else int(str(answer)))
                self.send_header("Content-Length", str(len(body) + (self.path == "/short")))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.httpd.server_port}{path}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.httpd.shutdown()
    server.httpd.server_close()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a user cache of its own, no UAI_NOTEBOOK_DATA and no waiting between rounds."""
    folder = tmp_path / "own"
    monkeypatch.setattr(pooch, "os_cache", lambda _: folder)
    monkeypatch.delenv("UAI_NOTEBOOK_DATA", raising=False)
    monkeypatch.setattr(download, "PAUSE", 0.0)
    return folder


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set UAI_NOTEBOOK_DATA to an empty folder."""
    folder = tmp_path / "given"
    folder.mkdir()
    monkeypatch.setenv("UAI_NOTEBOOK_DATA", str(folder))
    return folder
