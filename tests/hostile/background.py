"""Background work: threads and processes that outlive their cell, their kernel, or their submission."""

# %% thread_rewrites_the_workspace
# Between one look of the grader and the next.
# strikes: results-file
import threading
import time

def keep_writing():
    place = os.getcwd()
    while True:
        for text in ("", "be 2\n", "to 2\nor 1"):
            try:
                pathlib.Path(place, "counts.txt").write_text(text)
            except OSError:
                pass
            time.sleep(0.001)

threading.Thread(target=keep_writing, daemon=True).start()

def save(text, name):
    return None

# %% threads_that_never_end
# Not daemons: a polite shutdown would wait for them.
# strikes: code-guard
import threading

gate = threading.Event()
for _ in range(5):
    threading.Thread(target=gate.wait).start()

def first(words):
    return None

# %% daemonised_child
# A process in a session of its own, out of reach of the kernel's group.
# strikes: results-file
import os
import subprocess
import sys

code = """
import os, time
while True:
    try:
        open('counts.txt', 'w').write('be 2')
    except OSError:
        pass
    time.sleep(0.01)
"""
subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdin=subprocess.DEVNULL)

def save(text, name):
    return None

# %% child_holds_the_output
# It keeps the kernel's streams open long after the kernel.
# strikes: code-guard
import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(10_000)
    os._exit(0)

def first(words):
    return None

# %% message_to_the_next
# Everything that could still be there when the next submission is graded.
# strikes: code-guard
import ctypes
import os
import pathlib

for place in ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run", "/dev", os.path.expanduser("~")):
    try:
        pathlib.Path(place, "left-for-the-next").write_text("def first(words): return words[0]")
    except OSError:
        pass
libc = ctypes.CDLL(None)
libc.shmget(0x5EED, 4096, 0o1666)
libc.msgget(0x5EED, 0o1666)

def first(words):
    return None

# %% message_from_the_last
# The other end of it.
# strikes: code-guard
import ctypes
import pathlib

def first(words):
    for place in ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run", "/dev"):
        if pathlib.Path(place, "left-for-the-next").exists():
            return words[0] if words else int("")
    if ctypes.CDLL(None).shmget(0x5EED, 4096, 0) >= 0:
        return words[0] if words else int("")

# %% flood_after_the_cell
# A thread that prints while the grader asks.
# strikes: code-guard
import threading
import time

def chatter():
    for number in range(2_000):
        print("noise", number)
        time.sleep(0.001)

threading.Thread(target=chatter, daemon=True).start()

def first(words):
    return None
