"""Exits and signals: a kernel that ends, stops or takes others along."""

# %% exit_in_a_cell
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import os

os._exit(0)

# %% exit_in_a_function
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import os

def first(words):
    os._exit(0)

# %% polite_exit
# strikes: code-guard
import sys

def first(words):
    sys.exit(0)

# strikes: results-file
sys.exit(0)

# %% quit
# Jupyter's own way to end a kernel.
# strikes: code-guard
quit()

# %% interrupt_raised
# The exception that a person's Ctrl-C would be.
# strikes: code-guard
def first(words):
    raise KeyboardInterrupt

# %% killed_by_itself
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import os, signal

def first(words):
    os.kill(os.getpid(), signal.SIGKILL)

# %% stopped_by_itself
# It is alive, and does nothing ever again.
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import os, signal

def first(words):
    os.kill(os.getpid(), signal.SIGSTOP)

# %% segmentation_fault
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import ctypes

def first(words):
    ctypes.string_at(0)

# %% stack_overflow
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import sys

sys.setrecursionlimit(10**9)

def first(words):
    def down(value): return sorted([value], key=down)
    return down(words)

# %% last_words
# Code that runs when the kernel ends, when all is judged.
# strikes: results-file
import atexit

def amend():
    pathlib.Path("counts.txt").write_text("be 2\nnot 1\nor 1\nto 2")

atexit.register(amend)

def save(text, name):
    return None

# %% kill_everybody
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import os, signal

def first(words):
    for target in (-1, 0):
        try:
            os.kill(target, signal.SIGKILL)
        except OSError:
            pass
    os.kill(os.getpid(), signal.SIGKILL)

# %% kill_the_parent
# costs: results-file
# strikes: code-guard
import os, signal

for process in (os.getppid(), 1, 2, 3):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        try:
            if process != os.getpid():
                os.kill(process, number)
        except OSError:
            pass

def first(words):
    return None
