"""The process that puts the sandbox's test cases into boxes, as a grader would.

`sandbox_keeper.py TIER` first says whether the tier works, then reads
requests, one line of JSON each: it forks, enters the box, calls a function of
`sandbox_cases` there, and answers with what that returned, how the process ended, and
which processes are left.
"""

import contextlib
import json
import os
import select
import sys
import time

import sandbox_cases

from autograder.sandbox import Box, SandboxError, Watch, enter, prepare, tier
from autograder.sandbox.processes import descendants, find
from autograder.sandbox.tiers import probe

POLL = 0.02


class Run:
    """One case in a box, and the watch over it."""

    def __init__(self, chosen, request):
        self.request = request
        self.started = time.monotonic()
        self.interrupt_at = 0.3  # seconds; again every second, if that was too early
        self.text = b""
        box = Box.from_json(json.dumps(request["box"]))
        with contextlib.suppress(SandboxError):
            prepare(box)
        self.ours, theirs = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            live(chosen, box, theirs, request)
        os.close(theirs)
        self.watch, self.seen = Watch(self.pid), {self.pid}

    def outcome(self):
        """Wait, kill if need be, and say what was seen."""
        killed, peak = None, 0
        while not killed and not self.closed():
            self.seen.update(descendants(self.pid))
            peak = max(peak, self.watch.usage())
            killed = self.reason_to_kill()
        if killed:
            self.watch.kill()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.ours)
        return {
            "value": json.loads(self.text) if self.text else None,
            "status": status,
            "killed": killed,
            "peak": peak,
            "seconds": time.monotonic() - self.started,
            "left": [p for p in self.seen if (found := find(p)) and found.runs],
        }

    def closed(self):
        """Whether the case has said all; waits a moment."""
        if not select.select([self.ours], [], [], POLL)[0]:
            return False
        more = os.read(self.ours, 65536)
        self.text += more
        return not more

    def reason_to_kill(self):
        waited = time.monotonic() - self.started
        if "interrupt" in self.request and waited > self.interrupt_at:
            self.interrupt_at = waited + 1.0
            self.watch.interrupt()
        if self.watch.over(self.request["limit"]):
            return "memory"
        return "time" if waited > self.request["seconds"] else None


def live(chosen, box, theirs, request):
    """In the fork: enter the box, call, answer, end."""
    status = 1
    try:
        enter(chosen, box, (theirs,))
        value = getattr(sandbox_cases, request["case"])(*request["arguments"])
        os.write(theirs, json.dumps(value).encode())
        status = 0
    except (SandboxError, OSError) as error:
        os.write(theirs, json.dumps({"refused": str(error)}).encode())
    finally:
        os._exit(status)


def main(name):
    chosen = tier(name)
    found = probe(chosen)
    print(json.dumps({"works": found.works, "why": found.why}), flush=True)
    for line in sys.stdin:
        print(json.dumps(Run(chosen, json.loads(line)).outcome()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
