"""Bombs: processes, threads, memory, disk, output; and small replies that would be large where they are read."""

# %% fork_bomb
# costs: results-file
# strikes: code-guard
import os

while True:
    try:
        os.fork()
    except OSError:
        pass

# %% thread_bomb
# costs: results-file
# strikes: code-guard
import threading

lock = threading.Lock()
lock.acquire()
while True:
    try:
        threading.Thread(target=lock.acquire).start()
    except BaseException:
        pass

# %% memory_bomb
# strikes: code-guard
kept = []
while True:
    kept.append(bytearray(b"x" * 100_000_000))

# %% memory_bomb_of_children
# Each child stays below a limit of its own.
# costs: results-file
# strikes: code-guard
import os, time

for _ in range(50):
    if os.fork() == 0:
        kept = bytearray(b"x" * 400_000_000)
        time.sleep(1_000)

def first(words):
    return None

# %% array_bomb
# strikes: code-guard
import numpy as np

def first(words):
    return np.ones(20_000_000_000)

# %% disk_bomb
# The workspace, the temporary folder and the shared memory, until none is left.
# costs: results-file
# strikes: code-guard
block = b"x" * 10_000_000
for place in (".", "/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~")):
    try:
        with open(os.path.join(place, "filler"), "wb") as file:
            while True:
                file.write(block)
    except OSError:
        pass

def first(words):
    return None

# %% inode_bomb
# strikes: code-guard
number = 0
while True:
    try:
        open(f"/tmp/empty-{number}", "x").close()
    except OSError:
        pass
    number += 1

# %% sparse_file
# A terabyte that takes no room, until somebody reads it.
# strikes: results-file
def save(text, name):
    with open(name, "wb") as file:
        file.truncate(10**12)

# %% endless_file
# strikes: results-file
def save(text, name):
    os.symlink("/dev/zero", name)

# %% print_flood
# costs: results-file
# strikes: code-guard
while True:
    print("x" * 100_000)

# %% error_stream_flood
# Past Python, straight to the descriptors that the grader gave this process.
# strikes: code-guard
import os

while True:
    os.write(2, b"x" * 60_000)
    os.write(1, b"x" * 60_000)

# %% display_flood
# Outputs of some size, many times.
# strikes: code-guard
from IPython.display import display

for _ in range(300):
    display({"text/html": "<b>" * 1_000}, raw=True)
    print("y" * 10_000)

def first(words):
    return None

# %% one_long_line
# Small, but a pattern that looks for carriage returns walks it once from each of its characters.
# strikes: code-guard
print("x" * 1_500_000)

def first(words):
    return None

# %% many_small_outputs
# Each is a message to be read, checked and kept; the last of them may be lost.
# strikes: code-guard
from IPython.display import display

for _ in range(5_000):
    display({"text/plain": ""}, raw=True)

def first(words):
    return None

# %% giant_value
# strikes: code-guard
def first(words):
    return "a" * 60_000_000

# %% deep_value
# strikes: code-guard
def first(words):
    value = "a"
    for _ in range(5_000):
        value = [value]
    return value

# %% bottomless_value
# strikes: code-guard
def first(words):
    value = {}
    value["a"] = value
    return value

# %% giant_reply
# The kernel's side of the size limit is the student's to change.
# costs: results-file
# strikes: code-guard
from autograder import agent

agent.answer = lambda request: '{"ok":"' + "a" * 60_000_000 + '"}'

# %% giant_error
# An error text of many megabytes would stand in every report.
# costs: results-file
# strikes: code-guard
import json

from autograder import agent

agent.answer = lambda request: json.dumps({"error": {"type": "T" * 5_000_000, "message": "m" * 5_000_000}})

# %% colliding_keys
# Numbers that share one hash: each costs a walk past all those before it.
# costs: results-file
# strikes: code-guard
import json

from autograder import agent

pairs = [[number * (2**61 - 1), 0] for number in range(60_000)]
agent.answer = lambda request: json.dumps({"ok": {"$": "dict", "v": pairs}})

# %% wide_text_array
# A few bytes that claim to be two gigabytes of text.
# costs: results-file
# strikes: code-guard
import json

from autograder import agent

agent.answer = lambda request: json.dumps(
    {"ok": {"$": "dict", "v": [["first", {"$": "array", "dtype": "U500000000", "shape": [1], "v": ["a"]}]]}}
)

# %% wide_text_column
# costs: results-file
# strikes: code-guard
import json

from autograder import agent

column = {"dtype": "S2000000000", "v": ["a"]}
agent.answer = lambda request: json.dumps(
    {"ok": {"$": "dict", "v": [["first", {"$": "series", "name": "a", "index": {"range": [0, 1, 1]}, "v": column}]]}}
)

# %% long_range
# An index of a quintillion rows is three numbers on the wire.
# costs: results-file
# strikes: code-guard
import json

from autograder import agent

agent.answer = lambda request: json.dumps(
    {"ok": {"$": "dict", "v": [["first", {"$": "index", "range": [0, 10**18, 1]}]]}}
)
