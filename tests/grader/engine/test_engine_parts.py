"""The parts of the engine by themselves: frames, outputs, ready-made layers, seeds."""

import base64
import json
import os
import socket
import struct
import time
from dataclasses import asdict

import pytest

from autograder.engine import prepare
from autograder.engine.child import warm_up as warm
from autograder.engine.child.send_outputs import Outlet
from autograder.engine.control import (
    HEADER,
    MAX_FRAME,
    Reader,
    WireError,
    encode,
    receive,
    send,
)
from autograder.engine.receive_outputs import MOST, Collector, known
from autograder.static_analysis.ready_made import Rules, imported, rules_of, scan

# --- frames ---------------------------------------------------------------------------


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_message_and_a_descriptor_arrive(ends):
    ours, theirs = ends
    reading, writing = os.pipe()
    send(ours, {"text": "\ud800 ä", "deep": [1, {"a": None}]}, [writing])
    os.close(writing)
    message, (fd,) = receive(theirs)
    os.write(fd, b"through")
    assert message == {"text": "\ud800 ä", "deep": [1, {"a": None}]}
    assert os.read(reading, 9) == b"through"
    os.close(fd)
    os.close(reading)


HALF = HEADER.pack(7) + b'{"a":1'


@pytest.mark.parametrize(
    "data",
    [
        HEADER.pack(2) + b"[]",
        HEADER.pack(3) + b"NaN",
        HEADER.pack(9) + b'{"a":NaN}',
        HEADER.pack(3) + b"\xff{}",
        HEADER.pack(MAX_FRAME + 1),
        HEADER.pack(100_000) + b"[" * 100_000,
        HALF,
        struct.pack("!I", 2**32 - 1) + b"x",
    ],
)
def test_what_is_no_frame_is_an_error_and_nothing_else(ends, data):
    ours, theirs = ends
    ours.sendall(data)
    if data == HALF:
        ours.close()
    with pytest.raises(WireError):
        receive(theirs)


def test_a_reader_never_waits_and_keeps_half_a_frame(ends):
    ours, theirs = ends
    reader = Reader(theirs, 10**7)
    frame = encode({"n": 1})
    assert list(reader.read()) == []
    ours.sendall(frame + frame[:5])
    assert list(reader.read()) == [{"n": 1}]
    ours.sendall(frame[5:])
    assert list(reader.read()) == [{"n": 1}]
    ours.close()
    assert list(reader.read()) == []
    assert reader.ended


def test_a_reader_takes_only_so_much_in_all_and_no_descriptors(ends):
    ours, theirs = ends
    reader = Reader(theirs, 50)
    before = len(os.listdir("/proc/self/fd"))
    send(ours, {"n": 1}, [0, 1])
    assert list(reader.read()) == [{"n": 1}]
    assert len(os.listdir("/proc/self/fd")) == before
    ours.sendall(b" " * 60)
    with pytest.raises(WireError, match="too many"):
        list(reader.read())


def test_the_end_of_the_stream_is_an_error_for_one_who_waits(ends):
    ours, theirs = ends
    ours.close()
    with pytest.raises(WireError, match="gone"):
        receive(theirs)


# --- outputs --------------------------------------------------------------------------

PNG = base64.b64encode(b"\x89PNG").decode()


@pytest.mark.parametrize(
    "lie",
    [
        {},
        {"output_type": "widget"},
        {"output_type": "stream", "name": "other", "text": "x"},
        {"output_type": "stream", "name": "stdout", "text": ["x"]},
        {"output_type": "stream", "name": ["stdout"], "text": "x"},
        {"output_type": ["stream"]},
        {"output_type": "display_data", "data": {"application/javascript": "x"}},
        {"output_type": "display_data", "data": {"image/png": "<script>"}},
        {"output_type": "display_data", "data": ["text/plain"]},
        {"output_type": "error", "ename": 1, "evalue": "", "traceback": []},
        {"output_type": "error", "ename": "E", "evalue": "", "traceback": "x"},
    ],
)
def test_an_output_of_no_known_form_is_left_out(lie):
    collector = Collector(1000)
    collector.add([lie, None, 3])
    collector.add("outputs")
    assert collector.result() == []


def test_only_known_fields_of_an_output_are_kept():
    shown = known(
        {
            "output_type": "execute_result",
            "data": {"image/png": PNG, "text/plain": "\ud800"},
            "metadata": {"a": "<script>"},
            "execution_count": "<script>",
            "more": 1,
        }
    )
    assert shown == {
        "output_type": "execute_result",
        "data": {"image/png": PNG, "text/plain": "?"},
        "metadata": {},
        "execution_count": None,
    }


def text(name, words):
    return {"output_type": "stream", "name": name, "text": words}


def test_text_of_one_stream_is_put_together():
    collector = Collector(1000)
    collector.add([text("stdout", "a"), text("stdout", "b"), text("stderr", "c")])
    assert collector.result() == [text("stdout", "ab"), text("stderr", "c")]


def test_more_than_a_cell_may_show_is_dropped():
    collector = Collector(1000)
    collector.add([text("stdout", "x" * 9000), text("stderr", "y" * 9000)])
    assert collector.result() == [text("stdout", "x" * 9000)]
    collector = Collector(10**6)
    one = {"output_type": "display_data", "data": {"text/plain": "x"}}
    collector.add([one] * (MOST + 5))
    assert len(collector.result()) == MOST


def test_outputs_are_cleared_and_updated_as_in_a_notebook():
    collector = Collector(1000)
    clear = {"output_type": "clear_output", "wait": True}
    collector.add([text("stdout", "old"), clear])
    assert collector.result() == [text("stdout", "old")]
    collector.add([clear, text("stdout", "new")])
    assert collector.result() == [text("stdout", "new")]
    shown = {"output_type": "display_data", "data": {"text/plain": "1"}}
    named = shown | {"display_id": "n"}
    later = named | {"data": {"text/plain": "2"}, "update": True}
    collector.add([named, text("stderr", "e"), later])
    values = [output.get("data") for output in collector.result()]
    assert values == [None, {"text/plain": "2"}, None]


def test_the_sender_cuts_too_and_keeps_the_error():
    sent = []
    outlet = Outlet(sent.extend)
    outlet.begin(100)
    for _ in range(50):
        outlet.stream("stdout", "y" * 50 + "\n")
    outlet.put({"output_type": "error", "ename": "E", "evalue": "", "traceback": []})
    assert len(json.dumps(sent)) < 600
    assert "the rest is cut" in json.dumps(sent)
    assert sent[-1]["output_type"] == "error"
    outlet.mute()
    outlet.stream("stdout", "secret\n")
    outlet.flush()
    assert "secret" not in json.dumps(sent)


# --- ready-made layers ----------------------------------------------------------------


NOT_FROM = ("flowbook", "zuko", "normflows", "nflows")
ALLOWED = tuple(f"flowbook.{n}" for n in ("checks", "densities", "digits", "plots"))


def found(*cells, **rules):
    """Scan sources; those that begin with `#` are cells that the student added."""
    plain = asdict(Rules(NOT_FROM, ALLOWED)) | rules
    return scan(
        [
            {"id": n, "source": s, "answer": not s.startswith("#"), "rules": plain}
            for n, s in enumerate(cells)
        ]
    )


@pytest.mark.parametrize(
    "source",
    [
        "import zuko",
        "import zuko.flows as z",
        "from zuko.flows import NSF",
        "def f():\n    from nflows import transforms",
        "import flowbook.coupling",
        "from flowbook import coupling",
        "from flowbook.training import fit",
        "from flowbook.coupling import *",
        "import flowbook as fb\nlayer = fb.coupling.AffineCoupling",
        "import flowbook.checks\nflowbook.flow.Flow",
        "import importlib\nimportlib.import_module('zuko')",
        "__import__('zuko')",
        "import sys\nsys.modules['flowbook.coupling']",
        "import flowbook\ngetattr(flowbook, 'coupling')",
        "exec('import zuko')",
        "%time import zuko",
        "%%capture\nimport zuko",
    ],
)
def test_something_ready_made_is_found(source):
    assert list(found(source)) == [0]


@pytest.mark.parametrize(
    "source",
    [
        "import flowbook\nfrom flowbook.checks import check",
        "from flowbook import densities as d\nd.TwoMoons()",
        "import flowbook.plots as p\np.show",
        "print('zuko', label='flowbook.coupling: mine')",
        "def f(:",
        "zuko = 1\nzuko + 1",
        "!ls\n%matplotlib inline",
    ],
)
def test_what_is_allowed_is_not_found(source):
    assert found(source) == {}


def test_an_added_cell_counts_for_the_answers_that_use_its_names():
    added = "# mine\nfrom flowbook.flow import Flow as F\ndef helper(): return F()"
    assert found(added, "def f(): return 1") == {}
    assert list(found(added, "x = 1", "def f(): return helper()")) == [2]
    assert found(added, "def f(F): return F") == {}  # an argument is another thing
    assert found(added, "class F: pass\nF()") == {}  # the name means something new
    assert list(found("F = None\ndef f(): return F", added)) == [0]


@pytest.mark.parametrize(
    "hidden",
    [
        "[F for F in ()]\ndef f(): return F",
        "if False: F = 1\ndef f(): return F",
        "for F in (): pass\ndef f(): return F",
        "def g(): F = 1\ndef f(): return F",
        "try: pass\nexcept ValueError as F: pass\ndef f(): return F",
    ],
)
def test_a_name_that_an_answer_perhaps_binds_may_still_be_the_ready_made_one(hidden):
    added = "#\nfrom zuko.flows import NSF as F"
    assert list(found(added, hidden)) == [1]


EVERYTHING = "# own\nfrom flowbook.coupling import *"
OF_TORCH = "import torch\ndef f(x): return torch.ones(3)"


@pytest.mark.parametrize(
    "cells",
    [
        (OF_TORCH, EVERYTHING),
        (EVERYTHING, OF_TORCH),
        (EVERYTHING, "def f(x): return torch.ones(3)"),
        ("# own\nfrom flowbook.coupling import torch", "torch.ones(3)"),
        (EVERYTHING, "class AffineCoupling: pass\ndef f(x): return AffineCoupling()"),
        ("class AffineCoupling: pass\nflow = AffineCoupling()", EVERYTHING),
    ],
)
def test_only_what_was_made_in_a_forbidden_module_is_ready_made(cells):
    untils = [n + 1 for n in range(len(cells))]
    assert found_until(untils, *cells) == {}


def found_until(untils, *cells):
    """Scan as `found` does, with the last tests of the cells after so many of them."""
    plain = asdict(Rules(NOT_FROM, ALLOWED))
    return scan(
        [
            {"id": n, "source": source, "answer": source[0] != "#", "until": until}
            | {"rules": plain}
            for n, (source, until) in enumerate(zip(cells, untils, strict=True))
        ]
    )


def test_what_comes_after_an_answers_tests_is_nothing_to_it():
    answer, later = "def f(): return AffineCoupling(2)", "def g(): return f()"
    assert found_until([1, 2], answer, EVERYTHING) == {}
    assert found_until([2, 2], answer, EVERYTHING) == {0: "flowbook.coupling"}
    both = found_until([1, 3, 3], answer, EVERYTHING, later)
    assert both == {2: "flowbook.coupling"}  # the helper is ready-made by then
    assert found_until([1, 3, 3], answer, EVERYTHING, "def g(): return 1") == {}


def test_what_the_release_imports_itself_is_allowed():
    release = imported(["from flowbook.coupling import AffineCoupling"])
    own = "from flowbook.coupling import AffineCoupling as A\nA()"
    assert found(own, given=release) == {}
    other = "from flowbook.coupling import SplineCoupling"
    assert list(found(other, given=release)) == [0]


def test_the_release_says_what_an_answer_may_come_from():
    cell = {"metadata": {"autograder": {"not_from": ["torch.distributions"]}}}
    rules = rules_of(cell, ())
    assert rules.forbids("torch.distributions.normal")
    assert not rules.forbids("torch")
    assert not rules.forbids("zuko")
    assert not rules_of({"metadata": {}}, ()).forbids("zuko")


# --- seeds, groups, threads -----------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("student_seed = 0", "student_seed = 7"),
        ("ä = 'ö'; student_seed = 12  # yours", "ä = 'ö'; student_seed = 7  # yours"),
        ("x = 1\nstudent_seed = 0\ny = student_seed", None),
        ("student_seed = int(0)", "student_seed = int(0)"),
    ],
)
def test_a_students_number_takes_the_place_of_the_one_handed_out(source, made):
    made = made or source.replace("= 0", "= 7")
    assert prepare.seeded(source, 7) == made


def test_a_template_with_a_thread_does_not_fork():
    import threading

    wait = threading.Event()
    thread = threading.Thread(target=wait.wait)
    thread.start()
    with pytest.raises(warm.NotSingleThreadedError, match="threads, not one"):
        warm.assert_single_threaded()
    wait.set()
    thread.join()


COSTLY = {
    "a chain of names": ["a0 = a1", *(f"#\na{n} = a{n + 1}" for n in range(1, 900))],
    "magics": ["%time 1\n" * 600],
    "texts": [f"x{n} = '{'a' * 400_000}'" for n in range(10)],
    "rows": [f"x{n} = [{'1, ' * 20_000}]" for n in range(4)],
}


@pytest.mark.parametrize("cells", [pytest.param(c, id=n) for n, c in COSTLY.items()])
def test_reading_takes_time_in_proportion_to_the_length(cells):
    last = f"#\nimport zuko as a{len(cells)}"
    started = time.process_time()
    assert (0 in found(*cells, last)) == (len(cells) == 900)
    assert time.process_time() - started < 15
