"""Forged messages and replies: the kernel's end of every channel belongs to the student."""

# %% reply_true
# costs: results-file
# strikes: code-guard
from autograder import agent

agent.answer = lambda request: '{"ok":true}'

# %% reply_with_more_names
# The check's own helpers, sent along with the answer.
# strikes: code-guard
import json

from autograder import agent

plain = agent.answer

def forge(request):
    if json.loads(request)["op"] != "names":
        return plain(request)
    reply = json.loads(plain(request))
    reply["ok"]["v"] += [[name, 0] for name in ("expect", "require", "attempt", "__builtins__", "examine", "Counter")]
    return json.dumps(reply)

agent.answer = forge

def first(words):
    return None

# %% reply_of_wrong_types
# Handles, errors and containers in shapes that nobody would send.
# costs: results-file
# strikes: code-guard
import itertools

from autograder import agent

replies = itertools.cycle([
    '{"ok":{"$":"handle","id":"none","type":[],"callable":1}}',
    '{"ok":{"$":"handle","id":1e999,"type":"x","callable":true}}',
    '{"ok":{"$":["list"],"v":3}}',
    '{"ok":{"$":"set","v":[[1]]}}',
    '{"ok":{"$":"frame","columns":[1],"index":{"range":["a"]},"v":[{"dtype":"(9,9)f8","v":[1]}]}}',
    '{"ok":{"$":"timestamp","unit":"century","v":{}}}',
    '{"error":["ValueError"]}',
    'null',
])
agent.answer = lambda request: next(replies)

# %% reply_is_a_function
# A handle where data is wanted: it has every attribute, and agrees when called.
# costs: results-file
# strikes: code-guard
from autograder import agent

agent.answer = lambda request: '{"ok":{"$":"handle","id":0,"type":"builtins.str","callable":true}}'

# %% handle_for_text
# The value's type is said to be text and its repr is the text; it is still no text.
# strikes: code-guard
class Text:
    def __repr__(self): return "'a'"
    def __eq__(self, other): return other == "a"

Text.__module__, Text.__qualname__ = "builtins", "str"

def first(words):
    return Text()

# %% reply_not_asked_for
# The shell answers twice, the forged answer first.
# costs: results-file
# strikes: code-guard
kernel = get_ipython().kernel
plain = kernel.session.send

def forge(stream, msg_or_type, content=None, *args, **kwargs):
    if msg_or_type == "ask_reply":
        plain(stream, msg_or_type, {"answer": '{"ok":"a"}'}, *args, **kwargs)
    return plain(stream, msg_or_type, content, *args, **kwargs)

kernel.session.send = forge

# %% reply_of_odd_shape
# Where a dictionary belongs there is a list, a number or nothing.
# costs: results-file
# strikes: code-guard
import itertools

kernel = get_ipython().kernel
plain = kernel.session.send
shapes = itertools.cycle([[], 7, "text", {"answer": []}, {"answer": {"ok": "a"}}, {"status": "error"}, {"answer": None}])

def forge(stream, msg_or_type, content=None, *args, **kwargs):
    return plain(stream, msg_or_type, next(shapes) if msg_or_type == "ask_reply" else content, *args, **kwargs)

kernel.session.send = forge

# %% reply_of_odd_text
# What should be JSON is nested, long, or nothing of the kind.
# costs: results-file
# strikes: code-guard
import itertools

from autograder import agent

texts = itertools.cycle(["[" * 100_000, '{"ok":' * 50_000, "9" * 10_000, '{"ok":' + "9" * 10_000 + "}", "['a'", "\0", "\ud800", ""])
agent.answer = lambda request: next(texts)

# %% reply_of_many_numbers
# What a parser makes of each number is many times as large as its text.
# costs: results-file
# strikes: code-guard
kernel = get_ipython().kernel
plain = kernel.session.send
numbers = {"answer": list(range(5_000_000))}

def forge(stream, msg_or_type, content=None, *args, **kwargs):
    return plain(stream, msg_or_type, numbers if msg_or_type == "ask_reply" else content, *args, **kwargs)

kernel.session.send = forge

# %% questions_taken_by_another
# The kernel hands the grader's questions to the student's own function.
# costs: results-file
# strikes: code-guard
kernel = get_ipython().kernel

def forge(stream, ident, parent):
    kernel.session.send(stream, "ask_reply", {"answer": '{"ok":true}'}, parent=parent, ident=ident)

kernel.shell_handlers["ask_request"] = forge

# %% wrong_signature
# A message that nobody can have signed raises in whoever receives it.
# costs: results-file
# strikes: code-guard
get_ipython().kernel.session.key = b"another key"

def first(words):
    return None

# %% malformed_frames
# Bytes that are no message, on the channel where outputs go.
# costs: results-file
# strikes: code-guard
kernel = get_ipython().kernel
kernel.iopub_thread.send_multipart([b"execute_result", b"<IDS|MSG>", b"", b"{", b"}"])
kernel.iopub_thread.send_multipart([b"no delimiter"])

def first(words):
    return None

# %% outputs_of_odd_shape
# Well signed outputs whose content no notebook could hold.
# strikes: results-file
kernel = get_ipython().kernel
for kind, content in [
    ("display_data", {"data": "text", "metadata": []}),
    ("stream", {"name": 7, "text": ["a"]}),
    ("error", {"ename": [], "evalue": {}, "traceback": 3}),
    ("update_display_data", {"data": {}, "metadata": {}, "transient": {"display_id": [1]}}),
    ("execute_result", {}),
    ("no_such_type", {"data": {}}),
    ("status", {"execution_state": "idle"}),
]:
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent(), ident=b"x")

def save(text, name):
    return None

# %% widgets_of_odd_shape
# A widget that claims to be an output area, as nbclient understands them.
# strikes: results-file
kernel = get_ipython().kernel
state = {"_model_module": "@jupyter-widgets/output", "_model_name": "OutputModel", "msg_id": 3, "outputs": 7}
for kind, content in [
    ("comm_open", {"comm_id": "a", "target_name": "jupyter.widget", "data": {"state": state}}),
    ("comm_msg", {"comm_id": "a", "data": {"method": "update", "state": {"msg_id": [], "outputs": {}}}}),
    ("comm_open", {"comm_id": [], "data": 3}),
    ("comm_close", {}),
]:
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent(), ident=b"x")

def save(text, name):
    return None

# %% passed_in_the_output
# The words of a verdict, printed by the student.
# strikes: code-guard
print("passed: 2 of 2 points")
print("### BEGIN HIDDEN TESTS")

def first(words):
    print("passed: 2 of 2 points")

# %% kernel_answers_nothing
# The shell takes each question and never replies.
# costs: results-file
# flagged: kernel died
# strikes: code-guard
kernel = get_ipython().kernel
plain = kernel.session.send
kernel.session.send = lambda stream, kind, *args, **kwargs: None if kind == "ask_reply" else plain(stream, kind, *args, **kwargs)

# %% answers_by_number_of_call
# Right where the question can be seen in the notebook, nothing where it cannot.
# strikes: code-count
calls = []

def count(text):
    calls.append(text)
    return {"a": 2, "b": 1} if len(calls) == 1 else dict.fromkeys(text.split(), len(calls))
