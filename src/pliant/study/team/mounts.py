"""Finds out whether a file is on a network file system, from the mounts of Linux.  Reads no study."""

from __future__ import annotations

import os
from pathlib import Path

TYPES = frozenset(
    "nfs nfs4 cifs smb3 smbfs afs ceph glusterfs fuse.glusterfs lustre beegfs gpfs pvfs2 orangefs fuse.sshfs 9p".split()
)
"""The types of file systems that several machines share, as ``/proc/self/mountinfo`` names them."""
MOUNTS = Path("/proc/self/mountinfo")


def find_network(path: Path) -> str | None:
    """Returns the type of the network file system of a path, such as ``nfs4``; None for a local one, or where it is unknown."""
    try:
        text = MOUNTS.read_text("utf-8", "replace")
    except OSError:  # not Linux
        return None
    return find_type(os.path.realpath(path), text)


def find_type(path: str, mounts: str) -> str | None:
    r"""Returns the type of the network file system that holds a real path, from lines of ``mountinfo``.

    >>> lines = "22 1 0:20 / / rw - ext4 /dev/sda1 rw\n31 22 0:40 / /home rw shared:5 - nfs4 server:/home rw"
    >>> find_type("/home/me/a.db", lines), find_type("/homes/a.db", lines)
    ('nfs4', None)
    """
    best, found = "", None
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        parts = fields.split()
        if len(parts) < 5 or not rest:
            continue
        folder = _plain(parts[4])
        inside = path == folder or path.startswith(folder.rstrip("/") + "/")
        if inside and len(folder) >= len(best):  # of equal ones, the last is on top
            best, found = folder, rest.split()[0]
    return found if found in TYPES else None


def _plain(text: str) -> str:
    """Returns the name of a folder, in which the kernel writes blanks as octal numbers."""
    for code in ("\\040", "\\011", "\\012", "\\134"):
        text = text.replace(code, chr(int(code[1:], 8)))
    return text
