"""Frame, history and garbage reading: is an expected value, a key or the check's text anywhere in this process?"""

# %% frames
# The caller of the student's function may hold what it is compared with.
# strikes: code-guard
import sys

def first(words):
    frame = sys._getframe()
    while frame is not None:
        for name, value in frame.f_locals.items():
            if name in ("expected", "key", "solution", "truth"):
                return value
        frame = frame.f_back

# %% history
# Cells that ran before, check cells among them if they ran here.
# strikes: theory-rare
import re

theory_rare = "C"
for text in [*In, *(str(value) for value in Out.values())]:
    for found in re.findall(r"theory_rare.*key='(\w)'", text):
        theory_rare = found

# strikes: theory-kinds
theory_kinds = {"A"}
for _, _, text in get_ipython().history_manager.get_range():
    for found in re.findall(r"theory_kinds.*key=(\{.*\})", text):
        theory_kinds = eval(found)

# %% garbage_collector
# Everything that is alive: texts of solutions, code of checks.
# strikes: code-guard
import gc

def first(words):
    for thing in gc.get_objects():
        if isinstance(thing, dict):
            for text in list(thing.values()):
                if isinstance(text, str) and "no words to take the first of" in text and "gc" not in text:
                    exec(text)
                    return locals()["first"](words)

# %% check_source
# inspect and linecache remember the text of what was compiled.
# strikes: code-guard
import inspect
import linecache
import sys

def first(words):
    for name, (_, _, lines, _) in [item for item in linecache.cache.items() if len(item[1]) == 4]:
        if "<check" in name:
            return "".join(lines)
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "") == "autograder_check":
            return inspect.getsource(module)

# %% traceback_of_the_caller
# An exception's traceback leads to the frames above; so does a frame that a callback sees.
# strikes: code-guard
import sys
import threading

def first(words):
    for frame in sys._current_frames().values():
        while frame is not None:
            if "expect" in frame.f_code.co_names and frame.f_globals.get("__name__") == "autograder_check":
                return eval("expected", frame.f_globals, frame.f_locals)
            frame = frame.f_back

# %% environment_variables
# With the course's secret the hidden inputs could be drawn here.
# strikes: code-count
import os

def count(text):
    for name, value in os.environ.items():
        if "SECRET" in name or "GRADER" in name:
            return dict(Counter(text.split()))
    return {}

# %% grader_modules
# The grader's modules may be importable here, with the course still loaded in one of them.
# strikes: code-guard
import sys

def first(words):
    for name in ("autograder.batch", "autograder.grading", "autograder.build"):
        module = sys.modules.get(name)
        grader = getattr(module, "_grader", None)
        if grader is not None and getattr(grader, "cache_info", lambda: None)():
            return "a" if words else int("x")

# %% open_files_of_this_process
# An inherited descriptor may lead to the source, the gradebook or the submission of somebody else.
# strikes: code-guard
import os

def first(words):
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
            if target.endswith((".ipynb", ".db", ".py", ".toml")):
                exec(open(f"/proc/self/fd/{name}").read())
                return locals()["first"](words)
        except Exception:
            continue
