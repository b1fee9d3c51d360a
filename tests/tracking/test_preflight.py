import http.server
import socket
import threading
import time

import pytest
from faulty_proxy import FaultyProxy

from fitscape.study.config import TrackingConfig
from fitscape.study.tracking import Shipper, check
from fitscape.study.tracking.errors import explain
from fitscape.study.tracking.location import locate


@pytest.fixture
def answering():
    """A server that gives every request one status and text."""
    servers = []

    def start(status: int, text: str) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_server_that_takes_writes_passes(server, tmp_path):
    assert check(tmp_path, TrackingConfig(uri=server.uri)) is None


@pytest.mark.parametrize(
    ("status", "text", "fix"),
    [
        (403, "Invalid Host header - possible DNS rebinding attack detected", "--allowed-hosts 127.0.0.1"),
        (403, "Permission denied", "EDIT on the experiment"),
        (401, "You are not authenticated.", "MLFLOW_TRACKING_USERNAME"),
        (503, "upstream is away", "server's log"),
        (404, "no such page", "correct the path"),
        (200, "<html>hello</html>", "correct the path"),
    ],
)
def test_a_refusal_names_what_mends_it_and_does_not_hold_up_a_study(answering, tmp_path, ledger, status, text, fix):
    """Row 11."""
    config = TrackingConfig(uri=answering(status, text))
    assert fix in str(check(tmp_path, config))
    shipper = Shipper(ledger.path, config, interval=0.05)
    shipper.start()
    assert fix in shipper.close(1).error


def test_a_closed_port_is_told_within_seconds(tmp_path):
    """Row 10."""
    trouble = check(tmp_path, TrackingConfig(uri="http://127.0.0.1:9"))
    assert "start the MLflow server" in trouble.fix


def test_a_server_that_accepts_and_never_answers_is_told_within_the_timeout(tmp_path):
    """Row 9."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "no answer in time" in check(tmp_path, TrackingConfig(uri=uri), timeout=1).what


def test_a_server_is_given_the_time_for_each_answer(server, tmp_path):
    proxy = FaultyProxy(server.port)
    proxy.fault = lambda call: time.sleep(3)
    assert check(tmp_path, TrackingConfig(uri=proxy.uri), timeout=5) is None
    assert len(proxy.calls) > 1
    proxy.close()


@pytest.mark.parametrize("uri", ["file:///runs", "nonsense://x", "postgresql+psycopg://u@127.0.0.1:9/mlflow"])
def test_a_store_that_cannot_serve_is_told_in_one_line(tmp_path, uri):
    trouble = check(tmp_path, TrackingConfig(uri=uri))
    assert trouble is not None
    assert "\n" not in str(trouble)


def test_a_sqlite_store_is_only_looked_at(tmp_path):
    assert check(tmp_path / "runs", TrackingConfig()) is None
    assert not (tmp_path / "runs").exists()
    assert "is a folder" in check(tmp_path, TrackingConfig(uri=f"sqlite:///{tmp_path}")).what


def test_an_unknown_error_is_one_line_without_the_password(tmp_path):
    location = locate(tmp_path, TrackingConfig(uri="http://ann:s3cret@host"))
    trouble = explain(RuntimeError("odd\n  thing at http://ann:s3cret@host/api"), location)
    assert trouble.what == "http://host: odd thing at http://host/api"
