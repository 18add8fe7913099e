"""What every command does with errors, signals and text, whatever it is for."""

import errno
import io
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from support.forked import SERVER
from support.naming import names

from nucleizoo.cli.arguments import guarded, is_key
from nucleizoo.cli.signals import EndedError
from nucleizoo.ops.out_of_memory import is_out_of_memory

NO_UTF8 = os.fsdecode(b"zellen_\xfc_\xc3\xbc.png")
"""A name in Latin-1 with a letter in UTF-8 behind it."""


def raised(make):
    try:
        make()
    except Exception as error:  # whatever the library has
        return error
    pytest.fail("nothing was raised")


FULL = {
    "torch on a CPU": partial(torch.empty, 2**50),
    "numpy": partial(np.empty, 2**57, np.uint8),
    "python": partial(bytearray, 2**60),
}
NOT_FULL = {
    "a shape": lambda: torch.zeros(2) + torch.zeros(3),
    "the same words": lambda: exec("raise RuntimeError('the drawer is out of memory cards')"),
    "a missing file": lambda: open("/no/such/file"),
}


@pytest.mark.parametrize("make", FULL.values(), ids=FULL)
def test_full_memory_is_known_whoever_raised_it(make, capsys):
    with ProcessPoolExecutor(1, SERVER) as elsewhere:  # it changes how its process gives memory back
        error = elsewhere.submit(make).exception()
    assert is_out_of_memory(error)

    def work():
        raise error

    assert guarded(work) == 2
    said = capsys.readouterr().err
    names(said, "error", "memory", "INFERENCE.WINDOW", "SOLVER.BATCH", "--blocks")
    assert said.count("\n") == 1


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA: in any language"),
    OSError(errno.ENOMEM, "in any language"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("unable to mmap 8 bytes from file </torch_1>: in any language (12)"),
    RuntimeError("Caught RuntimeError in DataLoader worker process 0.\n[enforce] DefaultCPUAllocator: no"),
], ids=["gpu", "errno", "cudnn", "system call", "worker"])  # fmt: skip
def test_full_memory_is_known_by_type_and_number(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("make", NOT_FULL.values(), ids=NOT_FULL)
def test_other_errors_are_not_taken_for_full_memory(make):
    assert not is_out_of_memory(raised(make))


def test_a_thread_that_cannot_start_is_told(capsys):
    size = threading.stack_size(2**46)  # more than any address space has
    try:
        assert guarded(lambda: threading.Thread(target=print).start() or 0) == 2
    finally:
        threading.stack_size(size)
    names(capsys.readouterr().err, "error", "thread", "ulimit -u", "OMP_NUM_THREADS", "SYSTEM.WORKERS")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_output_is_utf8_and_any_name_can_be_said(monkeypatch, encoding):
    written = {name: io.BytesIO() for name in ("stdout", "stderr")}
    for name, stream in written.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding=encoding))

    def work():
        print(NO_UTF8, "µm", flush=True)
        raise FileNotFoundError(errno.ENOENT, "gone", NO_UTF8)

    assert guarded(work) == 2
    sys.stderr.flush()
    assert written["stdout"].getvalue() == b"zellen_\\udcfc_\xc3\xbc.png \xc2\xb5m\n"
    assert b"zellen_\\udcfc_\xc3\xbc.png" in written["stderr"].getvalue()


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_and_is_named(number, capsys):
    before, seen = signal.getsignal(number), []

    def work():
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt as end:
            seen.append(end)
            raise

    assert guarded(work) == 128 + number
    said = capsys.readouterr().err
    names(said, "interrupted", signal.Signals(number).name)
    assert isinstance(seen[0], EndedError) and signal.getsignal(number) is before


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_signal_that_is_ignored_stays_ignored():
    code = (
        "import signal; from nucleizoo.cli.arguments import guarded\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "raise SystemExit(guarded(lambda: signal.raise_signal(signal.SIGHUP) or 0))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_name_that_is_too_long_for_the_disk_is_told(capsys):
    assert guarded(lambda: open("a" * 300)) == 2
    names(capsys.readouterr().err, "error", "a" * 300, "shorter")


@pytest.mark.parametrize(("word", "wanted"), [
    ("CHANNEL", True), ("LR", True), ("DECODER", True), ("SOLVER.ANYTHING", True),
    ("IMAGE.TIF", True), ("NOWHERE", False), ("channel", False), ("a.tif", False),
])  # fmt: skip
def test_a_key_is_known_without_its_section(word, wanted):
    assert is_key(word) is wanted


def test_a_file_with_the_name_of_a_key_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CHANNEL").touch()
    assert not is_key("CHANNEL")
