"""Programs as they run on a host: which one starts which, for whom, where and with what rights."""

from __future__ import annotations

from dataclasses import dataclass, replace


def _capabilities(names: str) -> tuple[str, ...]:
    return tuple(f"CAP_{name}" for name in names.split())


ALL_CAPABILITIES = _capabilities(
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
"""What root has on Linux since 5.9 (capabilities(7))."""

CONTAINER_CAPABILITIES = _capabilities(
    "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW "
    "SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP"
)
"""What root has in a container of Docker's unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user and its group, as Defend writes them: the ids as text."""

    id: str
    name: str
    group_id: str
    group_name: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program as it is run on the server, below the one that starts it.

    ``pid`` is 0 where each run has one of its own. A leader of a session leads its group, too.
    ``entry`` is how the first session of an entry came about, for the leader of that session.
    ``peers`` are the addresses and ports that it connects to, ``files`` the paths that it creates,
    with a place for a number.
    """

    executable: str
    args: tuple[str, ...]
    account: Account
    parent: Program | None = None
    directory: str = "/"
    pid: int = 0
    leads_session: bool = False
    leads_group: bool = False
    entry: str = ""
    terminal: bool = False
    capabilities: tuple[str, ...] = ()
    peers: tuple[tuple[str, int], ...] = ()
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.executable.rpartition("/")[2]

    @property
    def command_line(self) -> str:
        return " ".join(self.args)

    def before_exec(self) -> Program:
        """What a run of this program is from the fork on until it executes the program."""
        if self.parent is None:
            return self
        return replace(
            self.parent, parent=self.parent, pid=0, leads_session=False, leads_group=False, entry=""
        )
