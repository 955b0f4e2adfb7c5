# %% [markdown] id="words-intro" half="theory" minutes=5
# # Counting words
# A small course that has nothing to do with machine learning.

# %% id="parameters" tags=["parameters"]
TEXT = "the cat saw the dog"

# %% id="imports" shared=true
from collections import Counter

from autograder.lab import attempt, examine, expect, require, seed

# %% id="setup" folded=true
import os
import pathlib

folder = pathlib.Path(os.environ.get("LAB_WORKSPACE", "out/words"))
folder.mkdir(parents=True, exist_ok=True)
os.chdir(folder)
print("ready")

# %% [markdown] id="words-question"
# Which words carry the meaning? A: the rare ones. B: the frequent ones. C: none.

# %% id="theory-rare" answer="choice" options="ABC" points=1
theory_rare = None
### BEGIN SOLUTION
theory_rare = "A"
### END SOLUTION

# %% id="theory-kinds" answer="several" options="ABCD" points=2
theory_kinds = None
### BEGIN SOLUTION
theory_kinds = {"B", "D"}
### END SOLUTION


# %% id="code-count" task=true
def count(text):
    """How often each word stands in `text`: a dictionary from word to number."""
    ### BEGIN SOLUTION
    return dict(Counter(text.split()))
    ### END SOLUTION


# %% id="code-count-check" check="code-count" points=2
expect(count("a b a"), {"a": 2, "b": 1}, given="a b a")
### BEGIN HIDDEN TESTS
words = [f"w{(seed() >> shift) % 5}" for shift in range(20)]
expect(count(" ".join(words)), dict(Counter(words)), secret=True)
### END HIDDEN TESTS


# %% id="code-guard" task=true
def first(words):
    """The first word; an empty list is a ValueError that says so."""
    ### BEGIN SOLUTION
    if not words:
        raise ValueError("no words to take the first of")
    return words[0]
    ### END SOLUTION


# %% id="code-guard-check" check="code-guard" points=2
expect(first(["a", "b"]), "a")
value, error = attempt(first, [])
expect(error, "ValueError", slip="an empty list must raise ValueError")


# %% id="results-file" task=true
def save(text, name):
    """Write the counts of `text` to the file `name`, a word a line."""
    ### BEGIN SOLUTION
    lines = [f"{word} {number}" for word, number in sorted(count(text).items())]
    pathlib.Path(name).write_text("\n".join(lines))
    ### END SOLUTION


# %% id="results-file-check" check="results-file" points=2
save(TEXT, "counts.txt")
require(examine("os:listdir") == ["counts.txt"], "counts.txt is not in the workspace")
### BEGIN HIDDEN TESTS
text = examine("linecache:getlines", filename="counts.txt")
expect("".join(text).strip().split("\n"), [f"{w} {n}" for w, n in sorted(Counter(TEXT.split()).items())], secret=True)
### END HIDDEN TESTS

# %% [markdown] id="report-text" points=1
# ### BEGIN SOLUTION
# Rare words carry the meaning.
# ### END SOLUTION
