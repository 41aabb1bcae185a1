"""Two processes of the app behind one address, by the nginx example as it is shipped: TLS, prefix, streams, a death."""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from gan_core import images
from gan_core.phantoms.chest import xray
from tests.conftest import ROOT
from tests.helpers.serving import free_port, running
from tests.robustness.visitor import API, Visitor

pytestmark = pytest.mark.processes

NAME = "xray.example.org"
PREFIX = "/ganray"
# Where Debian puts it, a user's PATH does not lead.
NGINX = shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
TRANSLATOR = "reference/phantom_cxr_cyclegan"
PAGE = {"Accept": "text/html,*/*", "Accept-Language": "en"}
PASSWORD = "of the tests"
KNOWN = "Basic " + base64.b64encode(f"class:{PASSWORD}".encode()).decode()


@dataclass(frozen=True)
class Guest(Visitor):
    """Somebody outside, who knows the password and comes by TLS. A browser keeps cookies, a program need not."""

    certificate: Path
    cookies: dict[str, str] | None = field(default_factory=dict)

    def reach(self) -> socket.socket:
        """A connection to nginx, wherever the name may point."""
        return socket.create_connection(("127.0.0.1", int(self.address.rpartition(":")[2])), 60)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def headers(self, **more: str) -> dict[str, str]:
        kept = "; ".join(f"{name}={value}" for name, value in (self.cookies or {}).items())
        return {"Authorization": KNOWN, **({"Cookie": kept} if kept else {}), **more}

    def answer(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, str]:
        """The answer to be read, and the number of the process which gave it."""
        connection = http.client.HTTPConnection(self.address.removeprefix("https://"))
        connection.sock = self.trust().wrap_socket(self.reach(), server_hostname=NAME)
        connection.request(method, path, body, self.headers(**headers))
        answer = connection.getresponse()
        set_cookies = "\n".join(answer.headers.get_all("Set-Cookie", []))
        found = re.search(r"^ganray=(\d); Path=/ganray; Secure; HttpOnly", set_cookies, re.MULTILINE)
        process = found[1] if found else ""
        if self.cookies is not None and process:
            self.cookies["ganray"] = process
        return answer, process

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
        answer, _ = self.answer(method, PREFIX + path, body, **({"Content-Type": kind} if kind else {}))
        with answer:
            return answer.status, answer.read()

    def process(self, path: str = "/_stcore/health", **headers: str) -> str:
        """Which process answers; the answer is a good one."""
        answer, process = self.answer("GET", PREFIX + path, **headers)
        with answer:
            assert answer.status == 200, answer.read()[:500]
        return process

    def open_page(self) -> str:
        """The session that a process begins for a page, by the page's web socket."""
        stream = f"wss://{self.address.removeprefix('https://')}{PREFIX}/_stcore/stream"
        wanted = {"origin": self.address, "subprotocols": ["streamlit"], "additional_headers": self.headers()}
        with connect(stream, sock=self.reach(), ssl=self.trust(), proxy=None, **wanted) as page:
            page.send(BackMsg(rerun_script={"page_script_hash": ""}).SerializeToString())
            while True:
                message = ForwardMsg.FromString(page.recv(60))
                if message.WhichOneof("type") == "new_session":
                    return message.new_session.initialize.session_id


@contextlib.contextmanager
def proxy(folder: Path, ports: dict[str, str]) -> Iterator[None]:
    """The shipped example in a real nginx; only its ports and places are others."""
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    places = {"/etc/ssl/ganray.crt": "cert.pem", "/etc/ssl/ganray.key": "key.pem", "/etc/nginx/ganray.users": "users"}
    places["/var/log/nginx/ganray.log"] = "access.log"
    for old, new in (ports | {old: str(folder / new) for old, new in places.items()}).items():
        site, times = re.subn(rf"{re.escape(old)}\b", new, site)
        assert times, f"{old} is not in the example"
    (folder / "site.conf").write_text(site)
    parts = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    scratch = "".join(f"    {part}_temp_path {folder / part};\n" for part in parts)
    around = f"user root;\npid {folder}/pid;\nevents {{}}\nhttp {{\n{scratch}    include {folder}/site.conf;\n}}\n"
    (folder / "nginx.conf").write_text(around)
    certify(folder)
    with (folder / "nginx.log").open("wb") as log:
        command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")]
        nginx = subprocess.Popen([*command, "-g", "daemon off;"], stdout=log, stderr=log)
        try:
            end = time.monotonic() + 20
            while not (folder / "pid").exists():
                assert nginx.poll() is None and time.monotonic() < end, (folder / "nginx.log").read_text()
                time.sleep(0.05)
            yield
        finally:
            nginx.terminate()
            nginx.wait(20)


def certify(folder: Path) -> None:
    """Put a certificate of the name, its key and a file with the password there."""
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    make += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(folder / "key.pem")]
    subprocess.run([*make, "-out", str(folder / "cert.pem")], check=True, capture_output=True)
    hashed = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], check=True, capture_output=True, text=True)
    (folder / "users").write_text(f"class:{hashed.stdout}")


@dataclass(frozen=True)
class Many:
    """What stands behind nginx: by the example's port, the port that it is here, and the process there."""

    guest: Guest
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[bytes]]


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Many]:
    """Two processes of the app behind nginx; the third of the example is down."""
    for tool, package in ((NGINX, "nginx-light"), (shutil.which("openssl"), "openssl")):
        if not tool:
            pytest.skip(f"{package.partition('-')[0]} is not installed: apt-get install {package}")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    settled = {"GANRAY_ADDRESS": "127.0.0.1", "GANRAY_HOST": NAME, "GANRAY_RUNS": str(ROOT / "runs"), "PATH": path}
    command = ["sh", str(ROOT / "deploy" / "start.sh"), "--server.baseUrlPath", PREFIX.strip("/")]
    command += ["--server.fileWatcherType", "none"]
    with contextlib.ExitStack() as stack:
        down = stack.enter_context(socket.socket())
        down.bind(("127.0.0.1", 0))  # nobody else's, and nobody listens
        ports, processes = {"8503": int(down.getsockname()[1])}, {}
        for one in ("8501", "8502"):
            port = ports[one] = free_port()
            log, own = tmp_path / f"{one}.log", {"PORT": str(port), "TMPDIR": str(tmp_path)}
            app = running(command, f"http://127.0.0.1:{port}{PREFIX}", log, **settled, **own)
            processes[one] = stack.enter_context(app)
        ports |= {one: free_port() for one in ("listen 443", "listen 80")}
        names = {one: f"listen 127.0.0.1:{port}" if "listen" in one else f"{port}" for one, port in ports.items()}
        stack.enter_context(proxy(tmp_path, names))
        guest = Guest(f"https://{NAME}:{ports['listen 443']}", tmp_path / "cert.pem")
        yield Many(guest, ports, processes)


@pytest.mark.parametrize("live", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_two_processes_behind_nginx_are_one_app(many: Many, live: bool) -> None:
    only_who_may_comes_in(many.guest, many.ports["listen 80"])
    each_visitor_stays_with_one_process(many.guest)
    if live:  # ten seconds of work, to import Gradio and torch
        the_live_tab_answers(replace(many.guest, cookies=None), many.processes)
    a_process_may_die(replace(many.guest, cookies={}), many.processes)


def only_who_may_comes_in(guest: Guest, plain: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", plain, timeout=20)
    connection.request("GET", f"{PREFIX}/live", headers={"Host": NAME})
    moved = connection.getresponse()
    assert (moved.status, moved.headers["Location"]) == (301, f"https://{NAME}{PREFIX}/live")
    connection.close()

    def status(path: str, method: str = "GET", **headers: str) -> int:
        with guest.answer(method, path, **headers)[0] as answer:
            return answer.status

    with guest.answer("GET", PREFIX, **PAGE)[0] as answer:
        assert (answer.status, answer.headers["Location"]) == (301, f"{PREFIX}/")
    with guest.answer("GET", f"{PREFIX}/", **PAGE)[0] as answer:
        assert answer.status == 200
        assert b"<title>" in answer.read()
    assert status(f"{PREFIX}/", Authorization="Basic bm9ib2R5Og==") == 401
    assert status(f"{PREFIX}/", Host="evil.example") == 403
    assert status(f"{PREFIX}/", Origin="https://evil.example") == 403
    assert status(f"{PREFIX}/", Origin=guest.address) == 200
    # As much as the app takes, and the form around it.
    allowed = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]["maxUploadSize"]
    upload = f"{PREFIX}/gradio/gradio_api/upload"
    assert status(upload, "POST", **{"Content-Length": str((allowed + 2) * 2**20)}) == 413
    assert f"client_max_body_size {allowed + 1}m;" in (ROOT / "deploy" / "nginx.conf").read_text()


def each_visitor_stays_with_one_process(guest: Guest) -> None:
    browsers: dict[str, Guest] = {}
    for _ in range(64):  # they come from one address all
        browser = replace(guest, cookies={})
        browsers[browser.process("/", **PAGE)] = browser
    assert set(browsers) == {"1", "2"}
    for number, browser in browsers.items():
        assert {browser.process() for _ in range(5)} == {number}
        assert browser.open_page()
    program = replace(guest, cookies=None)
    assert len({program.process() for _ in range(5)}) == 1
    # Whose process is down stays with the one that stands in, whether it takes the new cookie or keeps the old one.
    assert len({replace(guest, cookies={"ganray": "3"}).process() for _ in range(5)}) == 1


def the_live_tab_answers(program: Guest, processes: dict[str, subprocess.Popen[bytes]]) -> None:
    """A program that keeps no cookies: what it uploads and asks for is found again, and each answer is a stream."""
    settings = json.loads(program.ask("GET", "/gradio/config")[1])
    assert settings["root"] == f"{program.address}{PREFIX}/gradio"
    heart, _ = program.answer("GET", f"{PREFIX}{API}/heartbeat/outside", **PAGE)
    assert heart.readline() == b"data: ALIVE\n"  # while the stream goes on
    heart.close()
    picture = images.png_bytes((xray.draw("normal", 51, 128).image * 255).astype("uint8"))
    made = program.send("normal.png", picture, "translate", TRANSLATOR, "covid", False)
    assert made["url"].startswith(f"{settings['root']}/")
    assert program.fetch(made).startswith(b"\x89PNG")
    # Each process has a folder of its own, and tidies away nothing of another one's.
    assert f"/ganray-uploads-{processes[f'850{program.process()}'].pid}-" in made["path"]


def a_process_may_die(browser: Guest, processes: dict[str, subprocess.Popen[bytes]]) -> None:
    first = browser.process("/", **PAGE)
    session = browser.open_page()
    processes[f"850{first}"].kill()
    second = browser.process("/", **PAGE)
    assert {first, second} == {"1", "2"}
    assert browser.open_page() != session
    assert {browser.process() for _ in range(5)} == {second}
    assert {replace(browser, cookies={}).process("/", **PAGE) for _ in range(9)} == {second}
