"""Script and formulas in outputs, exception texts and names: what a report or a gradebook would run."""

# %% script_in_outputs
# strikes: code-guard
from IPython.display import HTML, SVG, Javascript, Markdown, display

display(HTML("<script>alert('hostile')</script><img src=x onerror=alert('hostile')>"))
display(Javascript("alert('hostile')"))
display(Markdown("<script>alert('hostile')</script>[a](javascript:alert('hostile'))"))
display({"image/svg+xml": "<svg onload=\"alert('hostile')\"><script>alert('hostile')</script></svg>"}, raw=True)
display({"text/latex": "$\\href{javascript:alert('hostile')}{a}$"}, raw=True)

def first(words):
    return "<script>alert('hostile')</script>"

# %% script_in_exceptions
# flagged: <script>
# strikes: code-guard
def first(words):
    raise type("<script>alert('hostile')</script>", (Exception,), {})("</pre><script>alert('hostile')</script>")

# strikes: results-file
raise type("<script>alert('hostile')</script>", (Exception,), {})("</pre><img src=x onerror=alert('hostile')>")

# %% formula_in_exceptions
# strikes: code-guard
def first(words):
    raise type("=HYPERLINK(\"http://evil\")", (Exception,), {})("=1+1")

# strikes: results-file
raise type("A;=cmd|' /C calc'!A0\n=1+1\t@SUM(1)", (Exception,), {})("=1+1")

# %% half_a_character_in_exceptions
# flagged: cell results-file raised
# strikes: code-guard
def first(words):
    raise ValueError("\ud800" if words else "\udfff")

# strikes: results-file
raise type("Odd\ud800", (Exception,), {})("\ud800")

# %% half_a_character_in_outputs
# Packed as JSON with escapes, it passes every encoding on the way.
# strikes: results-file
import json

get_ipython().kernel.session.pack = lambda value: json.dumps(value, default=str).encode()
print("\ud800")

def save(text, name):
    return "\ud800"

# %% control_characters
# NUL, escape sequences that clear a terminal, and text that runs backwards.
# strikes: code-guard
def first(words):
    raise ValueError("\0\x1b[2J\x1b]0;owned\x07\u202edorp\u2066")

# strikes: results-file
print("\0\x1b[2J\x1b]0;owned\x07\u202e")
raise type("\x1b[2J", (Exception,), {})("\0")

# %% unreadable_exception
# Its text, its class and its traceback fight back when they are read.
# strikes: code-guard
class Meta(type):
    @property
    def __name__(cls): raise SystemExit

class Sharp(Exception, metaclass=Meta):
    def __str__(self): raise SystemExit
    __repr__ = __str__
    @property
    def __traceback__(self): raise SystemExit

def first(words):
    raise Sharp

# strikes: results-file
raise Sharp

# %% exception_with_a_long_text
# flagged: cell results-file
# strikes: results-file
raise type("E" * 1_000_000, (Exception,), {})("e" * 3_000_000)
