"""Symlinks and paths: a workspace and files that are not what they seem, and notebooks that are not files."""

# %% workspace_is_a_link
# The grader looks at the workspace; let it look elsewhere.
# strikes: results-file
import shutil

place = os.getcwd()
os.chdir("/")
shutil.rmtree(place)
os.symlink("/usr", place)

def save(text, name):
    return None

# %% workspace_is_gone
# strikes: results-file
import shutil

def save(text, name):
    shutil.rmtree(os.getcwd())

# %% workspace_and_home_are_gone
# With it go the kernel's own connection files.
# strikes: results-file
import shutil

def save(text, name):
    shutil.rmtree(os.path.dirname(os.getcwd()), ignore_errors=True)

# %% file_is_a_link
# strikes: results-file
def save(text, name):
    os.symlink("/etc/passwd", name)

# %% file_is_a_pipe
# Reading it waits for a writer that never comes.
# strikes: results-file
def save(text, name):
    os.mkfifo(name)

# %% file_is_a_folder
# strikes: results-file
def save(text, name):
    os.mkdir(name)

# %% names_of_no_encoding
# Bytes that are no UTF-8, a line break, a formula, and names as long as they may be.
# strikes: results-file
def save(text, name):
    for odd in (b"\xff\xfe", b"a\nb", b"=1+1", b"-rf", b"x" * 255):
        open(odd, "w").close()
    deep = "d" * 255
    for _ in range(40):
        os.mkdir(deep)
        os.chdir(deep)

# %% closed_folder
# Nobody may look into it, nor delete it.
# strikes: results-file
def save(text, name):
    pathlib.Path(name).write_text("")
    os.chmod(".", 0)

# %% modules_in_the_workspace
# What the grader imports to look at the workspace could be found in it.
# strikes: results-file
fake = "def listdir(*_): return ['counts.txt']\ndef getlines(*_, **__): return ['be 2\\n', 'not 1\\n', 'or 1\\n', 'to 2\\n']\n"
for folder in (".", "..", os.path.expanduser("~")):
    for name in ("linecache.py", "os.py", "sitecustomize.py", "usercustomize.py"):
        pathlib.Path(folder, name).write_text(fake)
    package = pathlib.Path(folder, "autograder")
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "lab.py").write_text("def expect(*_, **__): pass\nrequire = answered = examine = seed = attempt = expect\n")

def save(text, name):
    return None

# %% startup_files
# Files in the home folder that a fresh interpreter, shell or kernel runs first.
# strikes: results-file
import site
import sys

code = """
import linecache, os
os.listdir = lambda *_: ["counts.txt"]
linecache.getlines = lambda *_, **__: ["be 2\\n", "not 1\\n", "or 1\\n", "to 2\\n"]
"""
home = pathlib.Path(os.environ["HOME"])
version = f"python{sys.version_info.major}.{sys.version_info.minor}"
for folder in (home / ".local/lib" / version / "site-packages", home / ".ipython/profile_default/startup"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("usercustomize.py", "sitecustomize.py", "00-first.py"):
        (folder / name).write_text(code)
    (folder / "first.pth").write_text("import usercustomize\n")
for name in (".pythonrc.py", ".bashrc", ".profile", ".pdbrc"):
    (home / name).write_text(code)

def save(text, name):
    return None

# %% temporary_modules
# The same where every user may write.
# strikes: results-file
for folder in ("/tmp", "/dev/shm", "/var/tmp", "/usr/local/lib/python3.11/dist-packages"):
    for name in ("linecache.py", "usercustomize.py", "sitecustomize.py"):
        try:
            pathlib.Path(folder, name).write_text("import os\nos.listdir = lambda *_: ['counts.txt']\n")
        except OSError:
            pass

def save(text, name):
    return None

# %% notebook_is_a_link_to_the_solution
# As an archive may bring it; none of what it points to was handed in.
# costs: theory-rare theory-kinds code-count results-file
# flagged: not a plain file
# strikes: file
path.unlink()
path.symlink_to(solution)

# %% notebook_folder_is_a_link
# costs: theory-rare theory-kinds code-count results-file
# flagged: not a plain file
# strikes: file
path.unlink()
path.parent.rmdir()
path.parent.symlink_to(solution.parent)

# %% notebook_is_a_pipe
# costs: theory-rare theory-kinds code-count results-file
# flagged: not a plain file
# strikes: file
import os

path.unlink()
os.mkfifo(path)

# %% notebook_is_a_folder
# costs: theory-rare theory-kinds code-count results-file
# flagged: not a plain file
# strikes: file
path.unlink()
path.mkdir()

# %% notebook_is_endless
# costs: theory-rare theory-kinds code-count results-file
# flagged: not a plain file
# strikes: file
path.unlink()
path.symlink_to("/dev/zero")

# %% notebook_is_huge
# A terabyte of nothing after the last brace; no room is taken.
# costs: theory-rare theory-kinds code-count results-file
# flagged: too large
# strikes: file
with path.open("r+b") as file:
    file.truncate(10**12)
