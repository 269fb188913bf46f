"""S3 servers for tests: moto for the everyday suite, SeaweedFS as an independent, real one."""

import contextlib
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from mypy_boto3_s3.client import S3Client

from tests.support.processes import Running, clean_environment, free_port, listening, running
from tests.support.waiting import wait_for

KEY_ID = "test-key-id"
SECRET = "test-secret-key-0123456789"


@dataclass(frozen=True)
class Server:
    """An S3 server at ``endpoint`` and a client for it."""

    endpoint: str
    client: S3Client
    process: Running

    @property
    def settings(self) -> dict[str, str]:
        """The environment in which any AWS client finds the server."""
        return {"AWS_ENDPOINT_URL_S3": self.endpoint, "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}

    def bucket(self, name: str) -> str:
        """Make a bucket and return its name."""
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, body: str | bytes, key: str = "config.yaml") -> str:
        """Write an object and return its etag."""
        data = body.encode() if isinstance(body, str) else body
        return self.client.put_object(Bucket=bucket, Key=key, Body=data)["ETag"]


def client_of(endpoint: str) -> S3Client:
    """Build a client that gives up soon."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1}),
    )


@contextlib.contextmanager
def moto(directory: Path, port: int | None = None) -> Iterator[Server]:
    """Run moto's S3 server, its output in ``directory``; its objects live as long as the process."""
    port = port or free_port()
    command = ["moto_server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, output=directory / "moto.log", environment=clean_environment()) as process:
        wait_for("moto to listen", lambda: listening(port), seconds=60)
        endpoint = f"http://127.0.0.1:{port}"
        yield Server(endpoint, client_of(endpoint), process)


@contextlib.contextmanager
def seaweed(directory: Path) -> Iterator[Server]:
    """Run SeaweedFS' all-in-one server on ``directory``. Some of its ports are fixed: one at a time."""
    port = free_port()
    data = directory / "seaweed"
    data.mkdir()
    command = [
        "weed",
        "mini",
        f"-dir={data}",
        f"-s3.port={port}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-admin.ui=false",
    ]
    environment = clean_environment(AWS_ACCESS_KEY_ID=KEY_ID, AWS_SECRET_ACCESS_KEY=SECRET)
    with running(command, output=directory / "seaweed.log", environment=environment, cwd=data) as process:
        endpoint = f"http://127.0.0.1:{port}"
        client = client_of(endpoint)

        def answers() -> bool:
            try:
                client.put_object(Bucket="probe", Key="probe", Body=b"probe")
            except (BotoCoreError, ClientError):
                with contextlib.suppress(BotoCoreError, ClientError):
                    client.create_bucket(Bucket="probe")
                return False
            return True

        wait_for("SeaweedFS to take an object", answers, seconds=60)
        yield Server(endpoint, client, process)
        os.kill(process.pid, 9)  # it takes its time over SIGTERM


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """Yield the URL of an endpoint that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def dripping() -> Iterator[str]:
    """Yield the URL of an endpoint whose answers never end: a letter of a header now and then."""
    over = threading.Event()

    class Drip(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                while not over.wait(0.5):
                    self.request.sendall(b"x")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            over.set()
            server.shutdown()
