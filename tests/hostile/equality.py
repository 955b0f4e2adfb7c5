"""Equality and numeric tricks: values that compare, count or convert as the verdict would like."""

# %% always_equal
# strikes: code-guard
class Always:
    __hash__ = None
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True

def first(words):
    return Always()

# %% always_equal_text
# A subclass of str, so that an isinstance test lets it through.
# strikes: code-guard
class Always(str):
    __hash__ = str.__hash__
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def strip(self): return self
    def upper(self): return self

def first(words):
    return Always("z")

# strikes: theory-rare
class Letter(str):
    __hash__ = str.__hash__
    def __eq__(self, other): return True
    def strip(self): return self
    def upper(self): return self

theory_rare = Letter("C")

# %% lying_class
# isinstance() believes __class__; str() and bool() believe the methods.
# strikes: code-guard
class Liar:
    @property
    def __class__(self): return str
    def __eq__(self, other): return True
    def __hash__(self): return hash("a")
    def __str__(self): return "anything"
    def strip(self): return "A"

def first(words):
    return Liar()

# strikes: theory-rare
theory_rare = type("Liar", (), {"__class__": str, "__eq__": lambda s, o: True, "__str__": lambda s: "?"})()

# %% every_letter
# All answers at once, and a set that contains whatever is asked.
# strikes: theory-rare
theory_rare = "ABC"

# strikes: theory-kinds
class Yes(set):
    def __le__(self, other): return True
    def __eq__(self, other): return True
    def __contains__(self, item): return True

theory_kinds = Yes("ABCD")

# %% lying_set
# Its first reading is one answer, its second another.
# strikes: theory-kinds
class Shifting(set):
    turn = 0
    def __iter__(self):
        Shifting.turn += 1
        return iter("BD" if Shifting.turn % 2 == 0 else "ABCD")

theory_kinds = Shifting()

# %% nan
# strikes: code-count
def count(text):
    return {word: float("nan") for word in text.split()}

# %% truth_for_numbers
# True counts as 1 in plain Python.
# strikes: code-count
def count(text):
    return {word: True for word in text.split()}

# %% missing_keys
# A dictionary that has every key, with a number that equals any other.
# strikes: code-count
class Any(int):
    __hash__ = int.__hash__
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    def __float__(self): return 0.0

class Counts(dict):
    def __missing__(self, key): return Any()
    def __eq__(self, other): return True
    def keys(self): return {"a", "b"}
    def items(self): return [(f"w{i}", Any()) for i in range(5)]

def count(text):
    return Counts()

# %% changing_float
# Each look at it gives another number.
# strikes: code-count
class Changing(float):
    looks = 0
    def __float__(self):
        Changing.looks += 1
        return float(Changing.looks)
    __index__ = __int__ = lambda self: int(float(self))

def count(text):
    return {word: Changing() for word in text.split()}

# %% infinite_list
# Reading it never ends.
# strikes: code-guard
class Endless(list):
    def __iter__(self):
        while True:
            yield "a"
    def __len__(self): return 1

def first(words):
    return Endless()

# %% lying_length
# strikes: code-guard
class Odd(list):
    def __len__(self): return -1
    def __iter__(self): raise StopIteration
    def __getitem__(self, key): return "a"

def first(words):
    return Odd(["a"])

# %% huge_integer
# Too long to be written in decimal, too large for a float.
# strikes: code-count
def count(text):
    return {word: 10 ** 5_000 if word == "a" else 10 ** 400 for word in text.split()}

# %% agreeable_frame
# A frame whose comparison is one True.
# strikes: code-count
import pandas as pd

class Frame(pd.DataFrame):
    def __eq__(self, other): return True
    def __bool__(self): return True
    def equals(self, other): return True

def count(text):
    return Frame({"word": text.split()})

# %% agreeable_array
# NumPy compares element by element, and an object array asks the elements.
# strikes: code-guard
import numpy as np

class Always:
    def __eq__(self, other): return True
    def item(self): return "a"
    def tolist(self): return "a"

def first(words):
    return np.array(Always(), dtype=object)

# %% class_in_place_of_value
# A class whose metaclass agrees with everything, handed over instead of an instance.
# strikes: code-guard
class Meta(type):
    def __eq__(cls, other): return True
    def __hash__(cls): return 1
    def __bool__(cls): return True

class Answer(metaclass=Meta):
    def __new__(cls, *args): return cls

first = Answer

# %% exception_named_as_asked
# The right class name for every input, so that only one half of the check is met.
# strikes: code-guard
def first(words):
    raise type("ValueError", (BaseException,), {"__str__": lambda self: "a"})
