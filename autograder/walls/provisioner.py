"""A warm, walled kernel as `jupyter_client` knows kernels: a provisioner, its manager and a careful client."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from autograder import wire
from autograder.course import Limits
from autograder.walls import LISTENED, PORTS
from autograder.walls.guest import Guest
from autograder.walls.sandbox import Sandbox

_POLL_S = 0.02
_MAX_QUEUE = 50
_MAX_MESSAGE = {"iopub": 20_000_000, "shell": 2 * wire.MAX_BYTES}


class WarmProvisioner(KernelProvisionerBase):
    """Launches a kernel as a guest of `sandbox`; its sockets are files that only the grader can see."""

    sandbox: Sandbox
    module: str
    limits: Limits
    guest: Guest | None = None

    @property
    def has_process(self) -> bool:
        return self.guest is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        return {**await super().pre_launch(**kwargs), "cmd": []}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:  # noqa: ARG002
        """Bind the kernel's sockets here, where student code is not, and hand them to the fork; there is no command."""
        self._folder = tempfile.TemporaryDirectory(prefix="kernel-")
        path, key = f"{self._folder.name}/k", os.urandom(16).hex()
        listeners = [_listen(f"{path}-{PORTS[name]}") for name in LISTENED]
        try:
            descriptors = [listener.fileno() for listener in listeners]
            self.guest = self.sandbox.enter(self.module, key, descriptors, self.limits)
        finally:
            for listener in listeners:
                listener.close()
        connection: dict[str, Any] = {f"{name}_port": port for name, port in PORTS.items()}
        connection |= {"transport": "ipc", "ip": path, "key": key.encode(), "signature_scheme": "hmac-sha256"}
        self.connection_info = connection  # type: ignore[assignment]  # a TypedDict, filled by name
        return self.connection_info

    async def poll(self) -> int | None:
        return None if self.guest is not None and self.guest.alive else 0

    async def wait(self) -> int | None:
        while await self.poll() is None:  # noqa: ASYNC110 - another process ends, no event of ours
            await asyncio.sleep(_POLL_S)
        return 0

    async def send_signal(self, signum: int) -> None:
        if self.guest is not None:
            self.guest.signal(signum)

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - jupyter_client's signature
        if self.guest is not None:
            self.guest.kill()

    async def terminate(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        if self.guest is not None:
            self.guest.close()
            self.guest = None
            self._folder.cleanup()


class WarmClient(AsyncKernelClient):
    """A client that bounds what it takes in, needs no heartbeat, and knows at once when the kernel is ready."""

    def _create_connected_socket(self, channel: str, identity: bytes | None = None) -> Any:  # noqa: ARG002
        sock = self.context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
        sock.linger = 0
        sock.setsockopt(zmq.RCVHWM, _MAX_QUEUE)
        sock.setsockopt(zmq.MAXMSGSIZE, _MAX_MESSAGE.get(channel, 1_000_000))  # on the context it does nothing
        sock.connect(self._make_url(channel))
        return sock

    def start_channels(self, *_: bool, **__: bool) -> None:
        super().start_channels(stdin=False, hb=False)

    async def wait_for_ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - its name there
        """Wait until the shell answers and its status arrives on iopub: then no output can be missed."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + (timeout or 60)
        while clock() < deadline:
            request = self.kernel_info()
            try:
                while True:
                    message = await self.iopub_channel.get_msg(timeout=0.25)
                    if message["parent_header"].get("msg_id") == request:
                        await self.shell_channel.get_msg(timeout=5)
                        return
            except Empty:
                if isinstance(self.parent, AsyncKernelManager) and not await self.parent.is_alive():
                    break
        raise RuntimeError("the kernel ended before it was ready")


class WarmManager(AsyncKernelManager):
    """A kernel manager for one guest of `sandbox`; `warm` is its provisioner."""

    client_class = "autograder.walls.provisioner.WarmClient"
    client_factory = WarmClient

    def __init__(self, sandbox: Sandbox, module: str, limits: Limits) -> None:
        super().__init__(kernel_name="python3", transport="ipc")
        self.warm = self.provisioner = WarmProvisioner(kernel_id=module, kernel_spec=self.kernel_spec, parent=self)
        self.warm.sandbox, self.warm.module, self.warm.limits = sandbox, module, limits

    @property
    def guest(self) -> Guest:
        """The submission behind its walls; RuntimeError before it was started and after it was closed."""
        if self.warm.guest is None:
            raise RuntimeError("no kernel is running")
        return self.warm.guest

    async def shutdown_kernel(  # type: ignore[override]
        self,
        now: bool = True,  # noqa: ARG002, FBT001, FBT002 - jupyter_client's signature
        restart: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """End it at once: nothing of it is needed any more."""
        await self.warm.kill(restart)


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    Path(path).chmod(0o600)
    return listener
