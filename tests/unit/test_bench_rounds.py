"""Benchmarks with contestants: turns, spreads, and what a process costs."""

import mmap
import os
import subprocess
import sys

import pytest

from bench.support.cpu import cpu_seconds, peak_resident_bytes, pin, reset_peak, resident_bytes, running_on
from bench.support.rounds import Rounds, Spread

SPIN_FOR_CPU_S = 0.2
SPIN = f"import time\nwhile time.process_time() < {SPIN_FOR_CPU_S}: pass"


def test_everybody_has_a_turn_in_every_round_and_not_always_behind_the_same() -> None:
    assert list(Rounds(["a", "b", "c"], 3).turns()) == ["a", "b", "c", "c", "b", "a", "a", "b", "c"]


def test_a_spread_is_the_middle_with_both_ends() -> None:
    spread = Spread.of([7.0, 1000.0, 5.0, 6.0, 9.0])
    assert spread == Spread(7, 5, 1000)
    assert spread.told() == "7 (5–1,000)"
    assert Spread.of([1.5]).told(".2f") == "1.50 (1.50–1.50)"


def test_ratios_pair_what_was_measured_in_one_round() -> None:
    rounds = Rounds(["ours", "theirs"], 3)
    for ours, theirs in ((10, 5), (100, 100), (9, 3)):  # the machine was ten times faster in the second round
        rounds.note("ours", rate=ours)
        rounds.note("theirs", rate=theirs)
    assert rounds.ratio("ours", "theirs", "rate") == Spread(2, 1, 3)
    assert rounds.of("ours", "rate") == Spread(10, 9, 100)


def test_a_round_that_one_missed_gives_no_ratio() -> None:
    rounds = Rounds(["ours", "theirs"])
    rounds.note("ours", rate=1)
    rounds.note("ours", rate=2)
    rounds.note("theirs", rate=1)
    with pytest.raises(ValueError, match="shorter"):
        rounds.ratio("ours", "theirs", "rate")


def test_time_of_a_process_includes_that_of_children_it_waited_for() -> None:
    children = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SPIN!r}], check=True)\nprint()\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", children], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        parent.stdout.readline()
        assert cpu_seconds(parent.pid) >= SPIN_FOR_CPU_S
        parent.communicate("\n")


def test_a_peak_outlives_what_was_held() -> None:
    pid, held = os.getpid(), resident_bytes(os.getpid())
    reset_peak(pid)
    grown = peak_resident_bytes(pid)
    with mmap.mmap(-1, 64 * 2**20) as block:  # not from the heap, which may have so much to hand out again
        block.write(b"x" * len(block))
    assert peak_resident_bytes(pid) >= grown + 60 * 2**20
    assert resident_bytes(pid) < held + 60 * 2**20


def test_what_is_started_while_pinned_stays_so_and_we_do_not() -> None:
    before = os.sched_getaffinity(0)
    core = min(before)
    with (
        running_on({core}),
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as child,
    ):
        assert os.sched_getaffinity(child.pid) == {core}
        pin(child.pid, before)
        assert os.sched_getaffinity(child.pid) == before
        child.communicate("\n")
    assert os.sched_getaffinity(0) == before
