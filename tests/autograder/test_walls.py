"""The walls: what student code can neither see, reach, keep nor use up, and what happens where they cannot be built."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograder.course import Limits, load_course
from autograder.errors import GraderError
from autograder.lab import Failure
from autograder.walls import bubblewrap
from autograder.walls.guest import Guest
from autograder.walls.provisioner import WarmManager
from autograder.walls.sandbox import Sandbox
from tests.require import executable

TINY = load_course(Path(__file__).parents[1] / "courses" / "tiny")
LIMITS = Limits(memory_mb=1_500, processes=64, disk_mb=8)
Inside = Callable[..., str]
FILL = "x = b'x' * 600_000_000; signal.pause()"


@pytest.fixture(scope="session", autouse=True)
def _bubblewrap() -> None:
    executable("bwrap", way_out="Install bubblewrap.")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(TINY)
    yield sandbox
    sandbox.close()


@pytest.fixture
def inside(sandbox: Sandbox) -> Inside:
    """Run code as one submission; returns what it printed, or its error, or how the submission ended."""

    def run(code: str, then: Callable[[Guest], Any] | None = None, limits: Limits = LIMITS) -> Any:
        return asyncio.run(_run(sandbox, code, then, limits))

    return run


async def _run(
    sandbox: Sandbox, code: str, then: Callable[[Guest], Any] | None, limits: Limits, *, module: str = "words"
) -> Any:
    manager = WarmManager(sandbox, module, limits)
    await manager.start_kernel()
    client = manager.client()
    printed: list[str] = []
    try:
        client.start_channels()
        await client.wait_for_ready(20)
        task = asyncio.ensure_future(client.execute_interactive(code, output_hook=partial(_keep, printed), timeout=20))
        await asyncio.wait([task, asyncio.ensure_future(manager.warm.wait())], return_when=asyncio.FIRST_COMPLETED)
        if not manager.guest.alive:
            task.cancel()
            return manager.guest.ended
        task.result()
        return then(manager.guest) if then else "".join(printed).strip()
    finally:
        client.stop_channels()
        await manager.cleanup_resources()


def _keep(printed: list[str], message: dict[str, Any]) -> None:
    content = message["content"]
    if message["msg_type"] == "stream":
        printed.append(content["text"])
    elif message["msg_type"] == "error":
        printed.append(f"{content['ename']}: {content['evalue']}")


def test_no_network_but_a_loopback(inside: Inside) -> None:
    """Nothing outside can be reached; a server of the lab's own can."""
    code = "import socket\ns = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
    assert inside(f"{code}socket.create_connection(s.getsockname()); print('here')") == "here"
    assert "unreachable" in inside("import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)")


@pytest.mark.parametrize("folder", ["/", "/course", "/course/autograder", "/usr", "/etc", "/dev", "/var"])
def test_nothing_outside_can_be_written(inside: Inside, folder: str) -> None:
    """Of the whole tree only the submission's own folders take files."""
    assert "Read-only file system" in inside(f"open('{folder}/mark', 'w')")


def test_nothing_is_left_for_the_next(inside: Inside) -> None:
    """Files in every place that can be written are gone, and processes left behind are dead."""
    places = ["/submission/mark", "/tmp/mark", "/dev/shm/mark"]
    left = "import subprocess; p = subprocess.Popen(['sleep', '86399'], start_new_session=True)"
    assert inside(f"{left}\nfor place in {places}: open(place, 'w').write('x')\nprint('left')") == "left"
    assert inside(f"import os; print([os.path.exists(place) for place in {places}])") == "[False, False, False]"
    assert not [p.pid for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "86399"]]


def test_nothing_of_the_course_is_visible(inside: Inside) -> None:
    """Neither solutions nor other submissions nor the grader's secret, by file, environment or process list."""
    code = (
        "import os, pathlib\n"
        f"print(pathlib.Path({str(TINY.root)!r}, 'solutions').exists(), sorted(os.listdir('/course')))\n"
        "print([n for n in os.environ if 'SECRET' in n], len([p for p in os.listdir('/proc') if p.isdigit()]))"
    )
    assert inside(code) == "False ['autograder']\n[] 2"


def test_no_rights_and_no_way_to_get_any(inside: Inside) -> None:
    """An unprivileged user without capabilities, who can make no namespaces and trace no trusted process."""
    assert inside("print([line for line in open('/proc/self/status') if line.startswith('CapEff')][0])").endswith(
        "0" * 16
    )
    assert inside("import os; print(os.getuid())") == "65534"
    assert "unshare failed" in inside(
        "import subprocess as s; print(s.run(['unshare', '-U', 'true'], stderr=-1).stderr)"
    )
    assert "PermissionError" in inside("open('/proc/1/mem', 'wb')")
    assert "PermissionError" in inside("import os; os.listdir('/proc/1/fd')")


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("import os\nwhile True:\n    if os.fork() == 0: signal.pause()", "BlockingIOError"),
        ("open('/tmp/big', 'wb').write(b'x' * 9_000_000)", "OSError"),
        ("open('/submission/big', 'wb').write(b'x' * 9_000_000)", "OSError"),
        ("x = bytearray(2_000_000_000)", "MemoryError"),
        (f"import os\nfor _ in range(4):\n    if os.fork() == 0:\n        {FILL}\n{FILL}", "MB of memory"),
    ],
    ids=["processes", "tmp", "submission", "one process's memory", "all processes' memory"],
)
def test_limits(inside: Inside, code: str, answer: str) -> None:
    """Processes, files and memory end at their limits; what is over in sum ends the submission and says so."""
    assert answer in inside(f"import signal\n{code}")


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import os; os._exit(3)", "exited with code 3"),
        ("import os; os.kill(os.getpid(), 9)", "signal SIGKILL"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
    ],
)
def test_the_end_of_a_kernel_is_named(inside: Inside, code: str, how: str) -> None:
    """How a submission ended by itself is told, by its exit code or its signal."""
    assert how in inside(code)


def test_examine_is_not_the_students_process(inside: Inside) -> None:
    """What a submission patched is not what looks at its files."""
    code = "import os, pathlib\nos.mkdir('/submission/words'); pathlib.Path('/submission/words/a').touch()\n"
    patched = f"{code}os.listdir = lambda *_: ['forged']\npathlib.Path('/submission/words/os.py').write_text('1 / 0')"
    names = inside(patched, lambda guest: guest.examine("/submission/words", "os:listdir", {}, 5))
    assert sorted(names) == ["a", "os.py"]


def test_examine_ends_in_time_and_says_what_it_found(inside: Inside) -> None:
    """A missing workspace and an endless look are the student's failures; an unknown function is the course's fault."""
    ready = "import os; os.mkdir('/submission/words'); os.mkfifo('/submission/words/pipe')"

    def look(guest: Guest) -> None:
        with pytest.raises(Failure, match="set-up cell did not run"):
            guest.examine("/submission/nowhere", "os:listdir", {}, 5)
        with pytest.raises(Failure, match="FileNotFoundError"):
            guest.examine("/submission/words", "os:listdir", {"path": "missing"}, 5)
        with pytest.raises(Failure, match=r"within 0\.5 seconds"):
            guest.examine("/submission/words", "linecache:updatecache", {"filename": "pipe"}, 0.5)
        with pytest.raises(GraderError, match="no_such"):
            guest.examine("/submission/words", "os:no_such", {}, 5)

    inside(ready, look)


def test_what_one_module_needs_is_imported_with_its_first_guest() -> None:
    """Its preloads are there from the start of its guests, and a name that is none is an error that says which."""
    (module,) = TINY.modules
    modules = (module, *(module.model_copy(update={"id": name, "preload": (name,)}) for name in ("wave", "no_such")))
    sandbox = Sandbox(TINY.model_copy(update={"modules": modules}))
    look = "import sys; print('wave' in sys.modules)"
    found = [asyncio.run(_run(sandbox, look, None, LIMITS, module=name)) for name in ("words", "wave", "words")]
    assert found == ["False", "True", "True"]
    with pytest.raises(GraderError, match=r"preload 'no_such' of course.toml: ModuleNotFoundError"):
        asyncio.run(_run(sandbox, look, None, LIMITS, module="no_such"))
    sandbox.close()


def test_a_sandbox_that_died_is_replaced(inside: Inside, sandbox: Sandbox) -> None:
    """The next submission starts a new one."""
    assert inside("print(1)") == "1"
    sandbox._process.send_signal(signal.SIGKILL)
    sandbox._process.wait()
    assert inside("print(2)") == "2"


def test_cold_walls_where_sandboxes_do_not_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system forbids it, each submission has a sandbox of its own: slower, and nothing is left either."""
    walls = bubblewrap._walls
    monkeypatch.setattr(bubblewrap, "_walls", lambda *args: [*walls(*args), "--disable-userns"])
    sandbox = Sandbox(TINY)
    assert asyncio.run(_run(sandbox, "open('/tmp/mark', 'w'); print(1)", None, LIMITS)) == "1"
    assert "cold" in sandbox.kind
    assert "FileNotFoundError" in asyncio.run(_run(sandbox, "open('/tmp/mark')", None, LIMITS))
    sandbox.close()


def test_without_bubblewrap_nothing_is_graded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package and the option; without walls it works when one asks for it in so many words."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GraderError, match=r"apt-get install bubblewrap.*--no-sandbox"):
        Sandbox(TINY).start()
    sandbox = Sandbox(TINY, walls=False)
    assert asyncio.run(_run(sandbox, "print(1)", None, LIMITS)) == "1"
    assert sandbox.kind == "without walls"
    sandbox.close()


def test_walls_for_an_ordinary_user(tmp_path: Path) -> None:
    """Whoever is not root starts bubblewrap directly and gets the same walls."""
    command = [str(Path(sys.executable).parent / "autograder"), "--course", str(_open_to_all(tmp_path)), "walls"]
    if os.geteuid() == 0:
        command = _as_nobody(command)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.stdout == "student code runs walled, warm\n", done.stderr


def _open_to_all(tmp_path: Path) -> Path:
    subprocess.run(["cp", "-r", str(TINY.root), str(tmp_path / "course")], check=True)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_mode & 0o1001 == 0:
            folder.chmod(0o755)
    return tmp_path / "course"


def _as_nobody(command: list[str]) -> list[str]:
    """`command` without root's rights; closed folders on the way to this Python are opened in a mount namespace."""
    needed = {str(Path(sys.base_prefix)), str(Path(sys.prefix)), str(Path(bubblewrap.__file__).parents[2])}
    closed = [folder for folder in needed if any(not p.stat().st_mode & 1 for p in Path(folder).parents)]
    steps = ["set -e", "mount -t tmpfs -o mode=755 tmpfs /mnt"]
    for number, folder in enumerate(closed):
        steps += [f"mkdir /mnt/{number}", shlex.join(["mount", "--bind", folder, f"/mnt/{number}"])]
    for top in {Path(*Path(folder).parts[:2]) for folder in closed}:
        steps.append(f"mount -t tmpfs -o mode=755 tmpfs {top}")
    for number, folder in enumerate(closed):
        steps += [shlex.join(["mkdir", "-p", folder]), shlex.join(["mount", "--bind", f"/mnt/{number}", folder])]
    steps.append("exec " + shlex.join(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *command]))
    return ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", "\n".join(steps)]
