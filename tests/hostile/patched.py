"""Patched builtins and libraries: everything that the kernel could use to judge agrees with the student."""

# %% builtins_agree
# costs: results-file
# strikes: code-guard
import builtins

builtins.isinstance = lambda *_: True
builtins.type = lambda *_: str
builtins.len = lambda *_: 1

def first(words):
    return None

# %% dict_replaced
# costs: results-file
# strikes: code-guard
import builtins
import collections

class Agreeable(dict):
    def __eq__(self, other): return True

builtins.dict = Agreeable
collections.Counter = Agreeable
Counter = Agreeable

def first(words):
    return dict()

# %% expect_does_nothing
# The module that the check cells import is the student's to change, in the student's kernel.
# strikes: code-guard
import autograder.lab

for name in ("expect", "require", "answered", "_same"):
    setattr(autograder.lab, name, lambda *args, **kwargs: True)
autograder.lab.Failure = type("Quiet", (Exception,), {})
expect = require = autograder.lab.expect

def first(words):
    return None

# %% lab_module_replaced
# strikes: code-guard
import sys
import types

fake = types.ModuleType("autograder.lab")
fake.__getattr__ = lambda name: (lambda *args, **kwargs: True)
sys.modules["autograder.lab"] = fake

def first(words):
    return None

# %% wire_replaced
# Every value crosses as True.
# costs: results-file
# strikes: code-guard
from autograder import wire

wire.encode = lambda *args, **kwargs: True
wire.dumps = lambda *args, **kwargs: "true"

def first(words):
    return None

# %% agent_serves_first_argument
# Whatever is called, its own argument comes back.
# strikes: code-guard
from autograder import agent, wire

agent._serve = lambda message: wire.decode(message["args"], agent._object)[0] if "args" in message else {"first": first}

# strikes: results-file
def save(text, name):
    return None

# %% json_replaced
# costs: results-file
# strikes: code-guard
import json

json.loads = lambda *_, **__: {"op": "names", "names": []}
json.dumps = lambda *_, **__: '{"ok":"a"}'

def first(words):
    return None

# %% import_replaced
# The question itself begins with an import.
# costs: results-file
# strikes: code-guard
import builtins

class Yes:
    def answer(self, request): return '{"ok":"a"}'

builtins.__import__ = lambda *_, **__: Yes()

# %% examined_functions_patched
# What looks at the workspace should see what it wants to see.
# strikes: results-file
import linecache

os.listdir = lambda *_: ["counts.txt"]
linecache.getlines = lambda *_, **__: ["be 2\n", "not 1\n", "or 1\n", "to 2\n"]

def save(text, name):
    return None

# %% parameters_overwritten
# An easy text in place of the grader's.
# strikes: results-file
TEXT = ""
get_ipython().user_ns["TEXT"] = ""

def save(text, name):
    pathlib.Path(name).write_text("")

# %% shared_names_overwritten
# The check's own helpers, redefined where the student's names are.
# strikes: code-guard
def attempt(*_): return None, "ValueError"
def expect(*_, **__): return None
def seed(): return 0
value, error = None, "ValueError"

def first(words):
    return None

# strikes: results-file
def examine(*_, **__): return ["counts.txt"]
def require(*_): return None
class Counter(dict):
    def items(self): return []

def save(text, name):
    return None

# %% trace_function
# A debugger's hook sits in every frame and rewrites what it finds.
# strikes: code-guard
import sys

def watch(frame, event, argument):
    for name in ("expected", "key", "got"):
        if name in frame.f_locals:
            frame.f_locals[name] = True
    return watch

sys.setprofile(watch)

def first(words):
    return None

# %% grader_rewritten_on_disk
# The grader's own files, changed where the kernel imports them from.
# strikes: code-guard
import autograder.lab
import pathlib

for path in pathlib.Path(autograder.lab.__file__).parent.glob("*.py"):
    try:
        path.write_text(path.read_text().replace("raise Failure", "return  #"))
    except OSError:
        pass

def first(words):
    return None
