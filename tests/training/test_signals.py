import signal
import threading

import pytest
from support.naming import names
from support.toy_methods import Duo, batches, trainer

from nucleizoo.training.hooks import Hook
from nucleizoo.training.signals import stopped_by_signals

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Raise(Hook):
    """Sends the process a signal after the steps given."""

    def __init__(self, number, *steps):
        self.number, self.steps = number, steps

    def after_step(self, trainer):
        if trainer.iteration in self.steps:
            signal.raise_signal(self.number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_training_after_the_step(number, caplog):
    made = trainer(Duo(), [Raise(number, 2)])
    with stopped_by_signals(made):
        made.train(batches(5))
    assert made.iteration == 2
    names(caplog.text, "stopping", "saving")


def test_a_second_signal_interrupts_at_once():
    made = trainer(Duo())
    with pytest.raises(KeyboardInterrupt), stopped_by_signals(made):
        signal.raise_signal(signal.SIGINT)
        assert made.stop
        signal.raise_signal(signal.SIGTERM)


def test_afterwards_signals_do_what_they_did_before():
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(ZeroDivisionError), stopped_by_signals(trainer(Duo())):
        assert [signal.getsignal(number) for number in SIGNALS] != before
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_in_another_thread_signals_are_left_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with stopped_by_signals(trainer(Duo())):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
