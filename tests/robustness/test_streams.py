"""What a visitor asks for is answered, however quick they are; open pages do not hold up a server that is stopped."""

import http.client
import json
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT
from tests.helpers.serving import serve_forked
from tests.robustness.visitor import API, Served, Visitor, server_of

pytestmark = pytest.mark.processes

BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0 Safari/537.36"}
GENERATE = "Same latents, every class"
MISSING = object()


@pytest.fixture(scope="module")
def visitor(served: Served) -> Visitor:
    return served.visitor


class Page:
    """A page of the live tab, as a browser talks to the server."""

    def __init__(self, visitor: Visitor, session: str) -> None:
        self.visitor, self.session = visitor, session
        self.config = json.loads(visitor.ask("GET", "/gradio/config")[1])

    def _part(self, kind: str, shown: str) -> list[int]:
        parts = [part for part in self.config["components"] if part["type"] == kind]
        return [part["id"] for part in parts if shown in (part["props"].get("value"), part["props"].get("label"))]

    def join(self, kind: str, shown: str, event: str, *data: object, outputs: int) -> str:
        """Do something to the part of that kind and name that has such an event; the name of what comes of it.

        data: the values of the inputs that a visitor fills in. Those that the server keeps are sent empty.
        """
        kept = {part["id"] for part in self.config["components"] if part["type"] == "state"}
        for part in self._part(kind, shown):
            for found in self.config["dependencies"]:
                if [part, event] not in found["targets"] or len(found["outputs"]) != outputs:
                    continue
                values = iter(data)
                sent = [None if name in kept else next(values, MISSING) for name in found["inputs"]]
                if MISSING in sent or next(values, MISSING) is not MISSING:
                    continue
                asked = {"data": sent, "fn_index": found["id"], "trigger_id": part, "session_hash": self.session}
                said = self.visitor.ask("POST", f"{API}/queue/join", json.dumps(asked).encode(), "application/json")
                return str(json.loads(said[1])["event_id"])
        raise AssertionError(f"no {kind} {shown!r} with such an event")

    def stream(self, headers: dict[str, str]) -> Generator[dict[str, Any]]:
        """The messages of one stream, until it ends."""
        connection = http.client.HTTPConnection(urlsplit(self.visitor.address).netloc, timeout=60)
        connection.request("GET", f"{API}/queue/data?session_hash={self.session}", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        try:
            for line in answer:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))
        finally:
            connection.close()

    def choose(self, run: str) -> str:
        """Choose another run to generate with: new choices of a class come."""
        return self.join("dropdown", "Run", "input", run, outputs=6)


def done(messages: Iterator[dict[str, Any]], event: str) -> dict[str, Any]:
    for message in messages:
        assert message["msg"] != "close_stream"
        if message["msg"] == "process_completed" and message["event_id"] == event:
            return message
    raise AssertionError("the stream ended")


def test_one_stream_answers_whatever_a_page_asks(visitor: Visitor) -> None:
    """Gradio's own ends after each answer, and what is asked in that moment is lost."""
    page = Page(visitor, "one-stream")
    event = page.choose("reference/cgan")
    messages = page.stream(BROWSER)
    for run in ("cgan", "dcgan") * 5:
        assert done(messages, event)["success"]
        event = page.choose(f"reference/{run}")
    assert done(messages, event)["success"]
    messages.close()


def test_the_stream_of_a_program_ends(visitor: Visitor) -> None:
    page = Page(visitor, "of-a-program")
    page.choose("reference/cgan")
    assert [message["msg"] for message in page.stream({"user-agent": "gradio_client/2.0"})][-1] == "close_stream"


def test_who_clicks_before_the_new_choices_have_come_is_answered(visitor: Visitor) -> None:
    """The class that the page still shows is none of the choices that are under way to it."""
    page = Page(visitor, "quick")
    event = page.choose("reference/cgan")
    messages = page.stream(BROWSER)
    done(messages, event)
    stale = ["reference/cgan", "a class of another run", "a class of another run", 0, 1, 2, 1.0, False]
    answer = done(messages, page.join("button", GENERATE, "click", *stale, outputs=4))
    assert answer["success"], answer
    assert "row-of" in json.dumps(answer["output"])
    messages.close()


def test_an_open_page_does_not_hold_up_the_end_of_the_server(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with serve_forked(ROOT / "runs", log) as address:
        page = Page(Visitor(address), "open")
        event = page.choose("reference/cgan")
        messages = page.stream(BROWSER)
        done(messages, event)
        heart = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        heart.request("GET", f"{API}/heartbeat/open", headers=BROWSER)
        assert heart.getresponse().readline() == b"data: ALIVE\n"
        server, begun = server_of(address), time.monotonic()
        server.terminate()
        server.wait(30)
        assert time.monotonic() - begun < 10
        assert "Traceback" not in log.read_text()
