"""No request reaches a file that is not meant to be shown; strangers' pages are turned away; nothing calls outside."""

import hashlib
import hmac
import http.client
import itertools
import json
import os
import random
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import psutil
import pytest

from gan_core import runs
from tests.conftest import ROOT
from tests.helpers.serving import serve

pytestmark = pytest.mark.processes

CANARY = "canary-2d1f77"
RUN = "reference/gan"
KEY = "of the tests"  # by which the addresses of pictures are signed


@dataclass(frozen=True)
class App:
    """A running app, and what it must not give away."""

    address: str
    canaries: tuple[Path, ...]
    calls: Path  # a line for each address outside that its process turned to

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None, body: str | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """A request as it is written here: no library tidies its path."""
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"Host": parts.netloc, **(headers or {})}.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body.encode())))
            connection.endheaders(body.encode() if body is not None else None)
            answer = connection.getresponse()
            content = answer.read(5_000_000) if "event-stream" not in (answer.headers["content-type"] or "") else b""
            return answer.status, content, {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()


# Put before the program's own modules: every address outside that it turns to is written down.
_WATCH = """
import ipaddress, os, sys

def watch(event, values):
    if event not in ("socket.connect", "socket.getaddrinfo"):
        return
    host = values[1][0] if event == "socket.connect" and isinstance(values[1], tuple) else values[0]
    if not isinstance(host, str) or host in ("localhost", "", os.uname().nodename):
        return
    try:
        if ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified:
            return
    except ValueError:
        pass
    with open(os.environ["WATCHED"], "a") as file:
        file.write(f"{event} {host}\\n")

sys.addaudithook(watch)
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Started in a folder, for a user and over runs that all hold a file which nobody may see."""
    base = tmp_path_factory.mktemp("outside")
    root, folder, home = (base / name for name in ("runs", "work", "home"))
    shutil.copytree(ROOT / "runs" / RUN, root / "mine")
    canaries = [
        folder / ".env",
        folder / "notes.txt",
        home / ".ssh" / "id_rsa",
        home / ".netrc",
        base / "data" / "patient.png",
        root / ".env",
        root / "secret.txt",
        root / "mine" / "private" / "epoch_0001.png",
        root / "mine" / "private" / "patient.txt",
        root / "mine" / "checkpoints" / "step_00000001.safetensors",
        root / "mine" / "secret.txt",
    ]
    for path in canaries:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{CANARY} {path.name}")
    watch = base / "watch"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(_WATCH)
    calls = base / "calls.txt"
    calls.touch()
    environment = {
        "HOME": str(home),
        "GRADIO_TEMP_DIR": str(base / "uploads"),
        "PYTHONPATH": os.pathsep.join((str(watch), str(ROOT))),
        "WATCHED": str(calls),
        "GANRAY_KEY": KEY,
    }
    with serve(root, base / "log.txt", folder=folder, **environment) as address:
        found = App(address, tuple(canaries), calls)
        assert found.ask("/gradio/config")[0] == 200  # the live tab is made by its first visitor
        yield found


def test_only_this_machine_is_listened_to(app: App) -> None:
    port = urlsplit(app.address).port
    heard = {one.laddr.ip for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr.port == port}
    assert heard == {"127.0.0.1"}


HOSTS = ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io", "evil.example@localhost", "")
STRANGE = ("[::1", "local host", "localhost:99999", "a" * 3000)


@pytest.mark.parametrize(
    "path", ["/", "/_stcore/health", "/gradio/", "/gradio/config", "/media/x", "/frames/a/b/c/d.png"]
)
def test_foreign_hosts_are_refused(app: App, path: str) -> None:
    for host in (*HOSTS, *STRANGE):
        status, content, _ = app.ask(path, headers={"Host": host})
        assert status in (400, 403), host
        assert len(content) < 500
    assert b"--server.allowedHosts evil.example\n" in app.ask("/", headers={"Host": "evil.example:80"})[1]
    port = urlsplit(app.address).port
    for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", socket.gethostname()):
        assert app.ask(path, headers={"Host": host})[0] in (200, 403 if "frames" in path else 200, 404), host


@pytest.mark.parametrize(
    "path", ["/", "/gradio/gradio_api/upload", "/gradio/gradio_api/call/translate", "/_stcore/health"]
)
def test_foreign_origins_are_refused(app: App, path: str) -> None:
    method = "POST" if "gradio_api" in path else "GET"
    own = urlsplit(app.address).netloc
    for origin in ("https://evil.example", "null", "http://localhost:1", "file://", f"http://evil.example@{own}", "x"):
        status, content, _ = app.ask(path, method, {"Origin": origin}, "{}" if method == "POST" else None)
        assert (status, b"another site" in content) == (403, True), origin
    status, *_ = app.ask(path, method, {"Origin": f"http://{own}"}, "{}" if method == "POST" else None)
    assert status != 403
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
        assert app.ask("/gradio/config", headers=headers)[0] == 403
        assert app.ask("/", headers=headers | {"Sec-Fetch-Mode": "navigate"})[0] == 200


def test_foreign_origins_open_no_web_socket(app: App) -> None:
    for headers, status in (
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Origin": app.address}, 101),
    ):
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        upgrade["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
        parts = urlsplit(app.address)
        lines = {"Host": parts.netloc, **upgrade, **headers}
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
            words = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            connection.sendall(f"GET /_stcore/stream HTTP/1.1\r\n{words}\r\n".encode())
            assert int(connection.recv(100).split()[1]) == status


def test_pages_tell_the_browser_to_load_nothing_from_elsewhere(app: App) -> None:
    for path in ("/", "/run", "/gradio/", "/gradio/config", "/_stcore/health"):
        _, _, headers = app.ask(path)
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "http:" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


PLACES = [
    "/",
    "/app/static/",
    "/static/",
    "/media/",
    "/component/",
    "/_stcore/",
    "/_stcore/component/",
    "/_stcore/bidi-components/",
    "/frames/",
    "SIGNED",  # a run's pictures, as a page that shows them asks for them
    "/gradio/",
    "/gradio/static/",
    "/gradio/assets/",
    "/gradio/svelte/",
    "/gradio/gradio_api/file=",
    "/gradio/gradio_api/file/",
    "/gradio/gradio_api/proxy=",
    "/gradio/gradio_api/custom_component/x/client/component/",
    "/gradio/gradio_api/stream/a/b/1/",
    "/gradio/gradio_api/run-history/records/a/b/assets/",
]


def signed(run: str, written: str = "") -> str:
    """Where a page finds the pictures of a run; written: the name as it stands in the address."""
    signature = hmac.new(KEY.encode(), f"samples/{run}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"/frames/{signature}/samples/{written or run}/"


_UP = ["../", "..%2f", "%2e%2e/", "%252e%252e/", "..\\", "..%5c", "....//", ".%00./", "%c0%ae%c0%ae/"]


def _ways(place: str, canary: Path) -> Iterator[str]:
    """Addresses that might lead from a place to a file."""
    place = signed("mine") if place == "SIGNED" else place
    whole = str(canary)
    yield from (place + form for form in (whole, whole.lstrip("/"), quote(whole, safe=""), f"file://{whole}"))
    yield from (f"{place}/{whole}", f"{place}~/{canary.name}", f"{place}{whole}%00.png", f"{place}{whole}?x=.png")
    yield from (place + up * depth + whole.lstrip("/") for up in _UP for depth in (1, 4, 12))
    yield from (place + up * 3 + "/".join(canary.parts[-3:]) for up in _UP)
    yield from (place + "/".join(canary.parts[-depth:]) for depth in (1, 2, 3))


@pytest.mark.parametrize("share", [0.06, pytest.param(1.0, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])])
def test_no_address_leads_to_a_hidden_file(
    app: App, share: float, record_property: Callable[[str, object], None]
) -> None:
    addresses = [way for place, canary in itertools.product(PLACES, app.canaries) for way in _ways(place, canary)]
    addresses = random.Random(0).sample(addresses, int(share * len(addresses)))
    for address in addresses:
        # A line end or a space would end the request line: such an address cannot be sent.
        status, content, _ = app.ask(address.replace(" ", "%20"))
        assert CANARY.encode() not in content, (status, address)
    record_property("measured", f"{len(addresses)} addresses at {len(PLACES)} places: none led to a hidden file")


@pytest.mark.parametrize("endpoint", ["translate", "encode", "generate"])
def test_no_file_of_the_server_can_be_named_as_an_upload(app: App, endpoint: str) -> None:
    """What a program sends may name a file by its path, or by an address that the server would fetch."""
    named = [str(path) for path in app.canaries] + ["/etc/passwd", "http://127.0.0.1:9/x.png", "https://example.org/x"]
    for path in named:
        file = {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "x.png"}
        values = {"translate": [file, "reference/phantom_cxr_cyclegan", "covid", True], "encode": [file, "mine"]}
        data = json.dumps({"data": values.get(endpoint, [file, "", 0, 1, 1.0])})
        at = f"/gradio/gradio_api/call/{endpoint}"
        status, content, _ = app.ask(at, "POST", {"content-type": "application/json"}, data)
        assert status == 200, content
        event = json.loads(content)["event_id"]
        parts = urlsplit(app.address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        connection.request("GET", f"{at}/{event}")
        said = connection.getresponse().read()
        connection.close()
        assert b"event: error" in said, (path, said)
        assert CANARY.encode() not in said
        assert b"root:" not in said


def test_addresses_of_gradio_that_are_not_used_are_not_there(app: App) -> None:
    for path in (
        "monitoring",
        "monitoring/summary",
        "gradio_api/proxy=http://127.0.0.1:1/",
        "login_check",
        "gradio_api/x",
    ):
        assert app.ask(f"/gradio/{path}")[0] == 404
    for path in (
        "https://example.org/",
        "http:/example.org",
        "HTTP://example.org",
        " http://example.org".replace(" ", "%20"),
    ):
        assert app.ask(f"/gradio/gradio_api/file={path}")[0] in (403, 404)
    for path in ("login", "gradio_api/vibe-edit", "gradio_api/component_server", "gradio_api/process_recording"):
        assert app.ask(f"/gradio/{path}", "POST", {"content-type": "application/json"}, "{}")[0] == 404


def test_a_signed_address_leads_to_the_pictures_of_its_run(app: App) -> None:
    """Else the addresses below it would prove nothing."""
    status, content, _ = app.ask(f"{signed('mine')}0-0.png")
    assert (status, content[:4]) == (200, b"\x89PNG")


def test_pages_of_runs_with_hostile_names_open_no_other_file(app: App) -> None:
    """Names in the address of a picture, rightly signed as by a page, and not."""
    for name in ("../../etc", "..%2f..%2fetc", "%252e%252e", "/etc", "C:%5C", "mine/private", "mine%00", "a" * 300):
        for place in (signed(name), signed(unquote(name), name), f"/frames/0/samples/{name}/"):
            status, content, _ = app.ask(f"{place}1-0.png")
            assert status in (400, 403, 404)
            assert CANARY.encode() not in content


def test_nothing_outside_is_asked(app: App) -> None:
    """Last of all that the app above has done: started, drawn its pages, served and refused."""
    assert app.calls.read_text() == ""


def test_the_watch_on_calls_outside_works(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "sitecustomize.py").write_text(_WATCH)
    calls = tmp_path / "calls.txt"
    words = "import socket, contextlib\nwith contextlib.suppress(OSError): socket.getaddrinfo('outside.invalid', 80)"
    environment = {"PYTHONPATH": str(tmp_path), "WATCHED": str(calls)}
    subprocess.run([sys.executable, "-c", words], env=os.environ | environment, check=True)
    assert "outside.invalid" in calls.read_text()


def test_private_previews_and_checkpoints_are_no_downloads(app: App) -> None:
    (root,) = {path.parent.parent for path in app.canaries if path.parent.name == "private"}
    offered = runs.Run(root).downloads()
    assert offered
    assert not set(offered) & set(app.canaries)
