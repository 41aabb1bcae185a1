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


def test_a_signal_is_no_second_one_before_the_request_was_made() -> None:
    reasons: list[str] = []

    def request_stop(reason: str) -> None:
        reasons.append(reason)
        if len(reasons) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # an app that ran here may have left its own
    try:
        with StopSignals(request_stop):
            os.kill(os.getpid(), signal.SIGINT)
            assert len(reasons) == 2
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_second_signal_ends_what_was_started_with_ctrl_c_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell starts its background jobs
    try:
        with StopSignals(lambda _: None):
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
