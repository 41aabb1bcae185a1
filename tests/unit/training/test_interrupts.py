"""Who ended a training, by the signal that came."""

import os
import signal

import pytest

from gan_core.training.interrupts import StopSignals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals for other processes")


@pytest.mark.parametrize(("number", "words"), [(signal.SIGINT, "stopped by you"), (signal.SIGTERM, "SIGTERM")])
def test_the_reason_names_who_ended_it(number: int, words: str) -> None:
    reasons: list[str] = []
    before = signal.getsignal(number)
    with StopSignals(reasons.append):
        os.kill(os.getpid(), number)
        assert len(reasons) == 1 and words in reasons[0]
        assert ("you" in reasons[0]) == (number == signal.SIGINT)
    assert signal.getsignal(number) == before


def test_a_second_signal_ends_what_was_started_with_ctrl_c_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell starts its background jobs
    try:
        with StopSignals(lambda _: None):
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
