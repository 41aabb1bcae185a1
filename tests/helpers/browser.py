"""Finds the browser that the browser tests drive, and installs one where there is none.

python -m tests.helpers.browser --install
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

# The first is Chromium without a window around its pages: a third of the work of a page falls away.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DOWNLOAD_SECONDS = 300
PACKAGE_SECONDS = 600
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser() -> Path | None:
    """The browser to drive: GANRAY_BROWSER, else the one that Playwright downloaded, else the system's; or None."""
    if given := os.environ.get("GANRAY_BROWSER"):
        return Path(given) if _starts(Path(given)) else None
    with sync_playwright() as playwright:
        candidates = [Path(playwright.chromium.executable_path)]
    candidates += [Path(path) for name in NAMES if (path := shutil.which(name))]
    return next((path for path in candidates if _starts(path)), None)


def install_browser() -> Path | None:
    """The browser that is there, else Playwright's own download, else Debian's package; None if all three fail."""
    if (found := find_browser()) or os.environ.get("GANRAY_BROWSER"):
        return found
    print("no browser for the tests yet: installing one", flush=True)
    if _succeeds([sys.executable, "-m", "playwright", "install", "chromium"], DOWNLOAD_SECONDS):
        found = find_browser()
    if not found and shutil.which("apt-get") and (prefix := _as_root()) is not None:
        apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        _succeeds([*apt, "update"], PACKAGE_SECONDS)
        for name in NAMES[:2]:  # not every release has the first
            if not found and _succeeds([*apt, "install", "-y", "--no-install-recommends", name], PACKAGE_SECONDS):
                found = find_browser()
    return found


def _starts(path: Path) -> bool:
    """Whether the browser is there and, on Linux, finds its libraries (Playwright's download may lack them)."""
    if not path.is_file() or not sys.platform.startswith("linux"):
        return path.is_file()
    return _succeeds([str(path), "--version"], 30)


def _as_root() -> list[str] | None:
    """What to put before a command that needs root; None if we may not."""
    if os.name != "posix":
        return None
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if shutil.which("sudo") and _succeeds(["sudo", "-n", "true"], 10) else None


def _succeeds(command: list[str], seconds: float) -> bool:
    nowhere = subprocess.DEVNULL
    try:
        done = subprocess.run(command, timeout=seconds, check=False, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        return done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def main() -> int:
    """Print which browser the tests use; 1 if there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.helpers.browser", description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="install one where there is none")
    found = install_browser() if parser.parse_args().install else find_browser()
    if found:
        print(f"browser for the tests: {found}")
        return 0
    print("no browser for the tests: install Chromium or Chrome, or name one in GANRAY_BROWSER", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
