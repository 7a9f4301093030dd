"""Python's part in scripts/bench-invitation: how long its libraries take for the same invitation.

The first argument is a file with the hex text. Each line of standard input is a task and a count;
the answer is a line with the nanoseconds that the count of repetitions took.
"""

import plistlib
import sys
import time

import typedstream


def whole(text):
    """Hex text to the dictionary and its archive's content."""
    invitation = plistlib.loads(bytes.fromhex(text))
    return invitation, typedstream.unarchive_from_data(invitation["VCICEData"])


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        text = file.read().strip()
    octets = bytes.fromhex(text)
    invitation = plistlib.loads(octets)
    archive = invitation["VCICEData"]
    tasks = {
        "whole": lambda: whole(text),
        "plist": lambda: plistlib.loads(octets),
        "plist-write": lambda: plistlib.dumps(
            invitation, fmt=plistlib.FMT_BINARY, sort_keys=False
        ),
        "typedstream": lambda: typedstream.unarchive_from_data(archive),
    }
    for line in sys.stdin:
        name, count = line.split()
        task, count = tasks[name], int(count)
        start = time.perf_counter_ns()
        for _ in range(count):
            task()
        print(time.perf_counter_ns() - start, flush=True)


main()
