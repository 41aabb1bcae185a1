"""What starts the app elsewhere: the container's files fit the repository, and the start script says what it should."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from huggingface_hub import RepoCard

from tests.conftest import ROOT
from tests.helpers.repository import tracked_files

SCRIPT = ROOT / "deploy" / "start.sh"


def started(tmp_path: Path, **environment: str) -> list[str]:
    """The words that the script hands to Streamlit, which stands aside here: the app's start has tests of its own."""
    stand_in = tmp_path / "streamlit"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    done = subprocess.run(
        ["sh", str(SCRIPT)], env={"PATH": path, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(os.name == "nt", reason="containers run a Unix shell")
def test_the_start_script_lets_in_the_hosts_it_is_told(tmp_path: Path) -> None:
    plain = ["run", "streamlit_app.py", "--server.address", ".".join("0000"), "--server.port", "8501"]
    plain += ["--server.headless", "true"]
    assert started(tmp_path) == plain
    assert started(tmp_path, GANRAY_HOST="a.org") == [*plain, "--server.allowedHosts", "a.org"]
    space = ["--server.allowedHosts", "me-ganray.hf.space", "--server.corsAllowedOrigins", "https://huggingface.co"]
    assert started(tmp_path, SPACE_HOST="me-ganray.hf.space") == [*plain, *space]


def test_the_spaces_head_is_a_spaces_head() -> None:
    data = RepoCard.load(ROOT / "deploy" / "space" / "README.md", ignore_metadata_errors=False).data.to_dict()
    exposed = re.search(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert exposed
    assert (data["sdk"], data["app_port"]) == ("docker", int(exposed[1]))
    assert len(data["short_description"]) <= 60  # the Hub allows no more
    assert {data["colorFrom"], data["colorTo"]} <= {
        "red",
        "yellow",
        "green",
        "blue",
        "indigo",
        "purple",
        "pink",
        "gray",
    }


def test_what_the_container_copies_and_starts_is_tracked() -> None:
    tracked = {path.as_posix() for path in tracked_files()}
    text = (ROOT / "Dockerfile").read_text()
    assert {"requirements.txt", "deploy/start.sh", "streamlit_app.py", ".streamlit/config.toml"} <= tracked
    assert "USER app" in text.partition("pip install")[0]  # nothing is installed, or run, as root
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"**/private", "**/checkpoints", "runs/*", "!runs/reference", ".*", "!.streamlit", "data"} <= set(ignored)
