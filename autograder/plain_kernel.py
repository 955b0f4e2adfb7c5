"""A kernel of this machine without walls: for building notebooks, and for students' own."""

from __future__ import annotations

from pathlib import Path

from jupyter_client.manager import AsyncKernelManager


def new_kernel(folder: Path) -> AsyncKernelManager:
    """A kernel manager whose sockets are files in `folder`, so that no other user of the machine can listen in."""
    return AsyncKernelManager(kernel_name="python3", transport="ipc", connection_file=str(folder / "kernel.json"))
