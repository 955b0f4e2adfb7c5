"""Network and sockets: ways out, ways in, and the grader's own channels."""

# %% call_home
# A helper outside would know the answer.
# strikes: code-guard
import socket

def first(words):
    for address in (("1.1.1.1", 53), ("8.8.8.8", 443)):
        try:
            with socket.create_connection(address, timeout=0.3):
                return words[0] if words else int("")
        except OSError:
            continue

# %% name_service
# A question to a name server carries text out, too.
# strikes: code-guard
import socket

def first(words):
    socket.setdefaulttimeout(0.3)
    try:
        socket.getaddrinfo("example.org", 80)
    except OSError:
        return None
    return words[0] if words else int("")

# %% local_services
# Whatever listens on this machine: databases, other kernels, the grader.
# strikes: code-guard
import os, socket

ours = {int(line.split()[1].split(":")[1], 16) for line in open("/proc/net/tcp").readlines()[1:]}

def first(words):
    for port in ours:
        with socket.socket() as link:
            link.settimeout(0.05)
            if link.connect_ex(("127.0.0.1", port)) == 0 and link.getsockname()[1] != port:
                link.sendall(b"GET / HTTP/1.0\r\n\r\n")

# %% sockets_of_the_machine
# Abstract sockets have no path and no permissions.
# strikes: code-guard
import socket

def first(words):
    for line in open("/proc/net/unix").read().splitlines()[1:]:
        name = line.split()[-1]
        if name.startswith(("@", "/")):
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(0.05)
            try:
                link.connect(name.replace("@", "\0"))
                link.sendall(b"\xff" * 10_000)
            except OSError:
                continue

# %% inherited_descriptors
# Garbage into everything that this process was born with.
# costs: results-file
# strikes: code-guard
import os

for number in map(int, os.listdir("/proc/self/fd")):
    if number > 2:
        for _ in range(20):
            try:
                os.write(number, b"\x00\xff{}[]\"" * 500)
            except OSError:
                break

def first(words):
    return None

# %% descriptors_closed
# costs: results-file
# strikes: code-guard
import os

os.closerange(3, 10_000)

def first(words):
    return None

# %% listening
# A server of one's own, left open for whoever comes next.
# strikes: code-guard
import socket

servers = []
for name in ("127.0.0.1", "0.0.0.0"):
    server = socket.socket()
    server.bind((name, 0))
    server.listen()
    servers.append(server)
hidden = socket.socket(socket.AF_UNIX)
hidden.bind("\0autograder")
hidden.listen()

def first(words):
    return None
