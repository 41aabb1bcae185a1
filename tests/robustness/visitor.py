"""A visitor of the live tab: uploads files under any name, and calls endpoints, as a program does over HTTP."""

import http.client
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil

API = "/gradio/gradio_api"


class Refused(Exception):
    """What the server said in place of an answer."""


@dataclass(frozen=True)
class Visitor:
    address: str

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
        connection = self.connect()
        try:
            connection.request(method, path, body, {"content-type": kind} if kind else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def upload(self, name: bytes, content: bytes) -> str:
        """The file's place on the server. Raises Refused."""
        edge = uuid.uuid4().hex.encode()
        head = b'--%b\r\nContent-Disposition: form-data; name="files"; filename="%b"\r\n\r\n' % (edge, name)
        body = head + content + b"\r\n--%b--\r\n" % edge
        status, said = self.ask("POST", f"{API}/upload", body, f"multipart/form-data; boundary={edge.decode()}")
        if status != 200:
            raise Refused(f"{status}: {said.decode(errors='replace')[:500]}")
        return str(json.loads(said)[0])

    def call(self, endpoint: str, *values: object) -> Any:
        """What an endpoint returns. Raises Refused with its line."""
        body = json.dumps({"data": values}).encode()
        status, said = self.ask("POST", f"{API}/call/{endpoint}", body, "application/json")
        if status != 200:
            raise Refused(f"{status}: {said.decode(errors='replace')[:500]}")
        _, said = self.ask("GET", f"{API}/call/{endpoint}/{json.loads(said)['event_id']}")
        *_, kind, data = said.decode().strip().splitlines()
        found = json.loads(data.removeprefix("data: "))
        if kind != "event: complete":
            raise Refused(str(found.get("error") if isinstance(found, dict) else found))
        return found

    def send(self, name: str, content: bytes, endpoint: str, *values: object) -> dict[str, Any]:
        """Upload a picture and have something done to it; the file that comes back, as Gradio describes it."""
        file = {"path": self.upload(name.encode(), content), "meta": {"_type": "gradio.FileData"}}
        return dict(self.call(endpoint, file, *values)[0])

    def fetch(self, file: dict[str, Any]) -> bytes:
        status, content = self.ask("GET", f"{API}/file={quote(file['path'])}")
        assert status == 200, content[:200]
        return content


def server_of(address: str) -> psutil.Process:
    """The process that answers there."""
    port = urlsplit(address).port
    connections = psutil.net_connections("tcp")
    (found,) = {c.pid for c in connections if c.status == "LISTEN" and c.laddr.port == port and c.pid}
    return psutil.Process(found)


def memory(server: psutil.Process) -> float:
    """MB of a process and those that it started."""
    return sum(one.memory_info().rss for one in (server, *server.children(recursive=True))) / 2**20


@dataclass(frozen=True)
class Served:
    """The running app with the shipped runs, and where it keeps what it is given and what it says."""

    visitor: Visitor
    base: Path
    uploads: Path
    log: Path
