import subprocess
import sys

from benchmarks import common
from helpers import project


def test_a_missed_target_is_remembered(monkeypatch, capsys):
    monkeypatch.setattr(common, "missed", [])
    assert common.report("fast", 1, 2)
    assert not common.report("slow", 3, 2, "s")
    assert common.missed == ["slow"]
    assert capsys.readouterr().out.count("MISSED") == 1


def test_the_two_take_turns_and_the_fastest_count(monkeypatch):
    monkeypatch.setattr(common, "missed", [])
    calls, clock = [], iter([0, 9, 9, 10, 10, 11, 11, 13] * 2)
    monkeypatch.setattr(common.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(common.time, "process_time", lambda: len(calls))
    subject, baseline = (lambda: calls.append("s")), (lambda: calls.append("b"))
    assert common.compare("x", subject, baseline, 2, repeats=2, warm_up=False)
    assert calls == ["s", "b", "b", "s"]
    assert not common.compare("x", subject, baseline, 1.9, repeats=2, warm_up=False)


def test_an_unknown_benchmark_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "ginny"],
        capture_output=True,
        text=True,
        cwd=project.ROOT,
    )
    assert done.returncode == 1
    assert "no benchmark ginny: choose from cluster, embeddings, gini, " in done.stderr
