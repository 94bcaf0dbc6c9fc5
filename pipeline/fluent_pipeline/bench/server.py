"""What runs on a plain web server: its services, its timers and cron jobs, and a login shell.

The programs, their arguments, owners and folders are those of a Debian server with nginx, a Python
and a Node application, a container, cron, apt and sshd. The applications are made up.
"""

from __future__ import annotations

from dataclasses import replace

from fluent_pipeline.bench.defend import INSIDE, OUTSIDE
from fluent_pipeline.bench.programs import (
    ALL_CAPABILITIES,
    CONTAINER_CAPABILITIES,
    Account,
    Program,
)

ROOT = Account("0", "root", "0", "root")
WEB = Account("33", "www-data", "33", "www-data")
APT = Account("42", "_apt", "65534", "nogroup")
SERVICE = Account("1000", "svc", "1000", "svc")


def _service(
    pid: int,
    *args: str,
    account: Account = ROOT,
    directory: str = "/",
    executable: str = "",
    peers: tuple[tuple[str, int], ...] = (),
    files: tuple[str, ...] = (),
) -> Program:
    """What init starts: a session of its own."""
    return Program(
        executable or args[0],
        args,
        account,
        parent=INIT,
        directory=directory,
        pid=pid,
        leads_session=True,
        entry="init",
        capabilities=ALL_CAPABILITIES if account is ROOT else (),
        peers=peers,
        files=files,
    )


def _child(
    parent: Program,
    executable: str,
    *args: str,
    account: Account | None = None,
    directory: str = "",
    pid: int = 0,
    peers: tuple[tuple[str, int], ...] = (),
    files: tuple[str, ...] = (),
) -> Program:
    """What another program starts, with that one's account and folder unless told otherwise.

    At a terminal it is a job, which leads a group.
    """
    owner = account or parent.account
    return Program(
        executable,
        args,
        owner,
        parent=parent,
        directory=directory or parent.directory,
        pid=pid,
        leads_group=parent.terminal,
        terminal=parent.terminal,
        capabilities=parent.capabilities if owner is parent.account else (),
        peers=peers,
        files=files,
    )


INIT = Program(
    "/usr/lib/systemd/systemd",
    ("/sbin/init",),
    ROOT,
    pid=1,
    leads_session=True,
    entry="init",
    capabilities=ALL_CAPABILITIES,
    files=("/run/systemd/units/.#invocation:apt-daily.service{:016x}",),
)
JOURNAL = _service(
    310,
    "/lib/systemd/systemd-journald",
    executable="/usr/lib/systemd/systemd-journald",
    files=("/var/log/journal/5c0e6b3f/system@{:016x}.journal",),
)
USER_MANAGER = _service(
    1210,
    "/lib/systemd/systemd",
    "--user",
    account=SERVICE,
    executable="/usr/lib/systemd/systemd",
    files=("/run/user/1000/systemd/units/.#invocation:dbus.service{:016x}",),
)

NGINX = _service(840, "/usr/sbin/nginx", "-g", "daemon on; master_process on;")
NGINX_WORKER = _child(
    NGINX,
    "/usr/sbin/nginx",
    *NGINX.args,
    account=WEB,
    pid=842,
    peers=((INSIDE[0], 8080), (INSIDE[1], 8080), (INSIDE[3], 3000)),
    files=("/var/lib/nginx/body/{:010d}", "/var/lib/nginx/proxy/3/07/{:010d}"),
)
GUNICORN = _service(
    905,
    "/usr/bin/python3",
    "/usr/bin/gunicorn",
    "--workers=4",
    "--bind=0.0.0.0:8080",
    "shop.wsgi",
    account=WEB,
    directory="/srv/shop",
)
GUNICORN_WORKER = _child(
    GUNICORN,
    "/usr/bin/python3",
    *GUNICORN.args,
    pid=911,
    peers=((INSIDE[2], 5432), (INSIDE[2], 6379), (OUTSIDE[0], 443)),
    files=("/srv/shop/media/orders/{:06d}.pdf", "/var/lib/shop/cache/{:08x}.db"),
)
NODE = _service(
    1033,
    "/usr/bin/node",
    "/srv/www/server.js",
    account=SERVICE,
    directory="/srv/www",
    peers=((INSIDE[2], 5432), (OUTSIDE[1], 443), (OUTSIDE[2], 443)),
    files=("/srv/www/cache/{:08x}.html", "/home/svc/.cache/thumbnails/{:08x}.png"),
)

_CONTAINER = "8d38b2f18290e973c5ea8f9ee207e970a8aa9191fa89bf3d4ea2a126f2f010a6"
SHIM = _service(
    1490,
    "/usr/bin/containerd-shim-runc-v2",
    "-namespace",
    "moby",
    "-id",
    _CONTAINER,
    "-address",
    "/run/containerd/containerd.sock",
    directory=f"/run/containerd/io.containerd.runtime.v2.task/moby/{_CONTAINER}",
)
CELERY = Program(
    "/usr/local/bin/python3.11",
    ("/usr/local/bin/python3.11", "/usr/local/bin/celery", "--app=jobs", "worker"),
    ROOT,
    parent=SHIM,
    directory="/app",
    pid=1512,
    leads_session=True,
    entry="container",
    capabilities=CONTAINER_CAPABILITIES,
)
CELERY_WORKER = _child(
    CELERY,
    CELERY.executable,
    *CELERY.args,
    pid=1530,
    peers=((INSIDE[2], 6379), (OUTSIDE[0], 443)),
    files=("/app/exports/{:08x}.csv",),
)

CRON = _service(612, "/usr/sbin/cron", "-f", directory="/var/spool/cron")
HOURLY = replace(
    _child(
        CRON,
        "/bin/sh",
        "/bin/sh",
        "-c",
        "cd / && run-parts --report /etc/cron.hourly",
        directory="/root",
    ),
    leads_session=True,
)
RUN_PARTS = _child(
    HOURLY, "/usr/bin/run-parts", "run-parts", "--report", "/etc/cron.hourly", directory="/"
)
REFRESH = replace(
    _child(
        CRON,
        "/bin/sh",
        "/bin/sh",
        "-c",
        "/srv/shop/bin/refresh.sh",
        account=SERVICE,
        directory="/home/svc",
    ),
    leads_session=True,
)
REFRESH_SCRIPT = _child(REFRESH, "/bin/bash", "/bin/bash", "/srv/shop/bin/refresh.sh")
FETCH = _child(
    REFRESH_SCRIPT,
    "/usr/bin/curl",
    "curl",
    "-fsS",
    "--max-time",
    "30",
    "-o",
    "/srv/shop/data/rates.json",
    "https://rates.example.com/v1/daily.json",
    peers=tuple((address, 443) for address in OUTSIDE),
    files=("/srv/shop/data/rates.json",),
)
IMPORT = _child(
    REFRESH_SCRIPT,
    "/usr/bin/python3",
    "python3",
    "/srv/shop/manage.py",
    "import_rates",
    peers=((INSIDE[2], 5432),),
    files=("/var/lib/shop/cache/{:08x}.db",),
)
CHECKSUM = _child(REFRESH_SCRIPT, "/usr/bin/sha256sum", "sha256sum", "/srv/shop/data/rates.json")

LOGROTATE = _service(
    0, "/usr/sbin/logrotate", "/etc/logrotate.conf", files=("/var/lib/logrotate/status.tmp",)
)
APT_DAILY = _service(0, "/bin/sh", "/usr/lib/apt/apt.systemd.daily", "update")
APT_GET = _child(
    APT_DAILY,
    "/usr/bin/apt-get",
    "apt-get",
    "-qq",
    "-y",
    "update",
    files=("/var/cache/apt/pkgcache.bin.{:06x}",),
)
APT_HTTP = _child(
    APT_GET,
    "/usr/lib/apt/methods/http",
    "/usr/lib/apt/methods/http",
    account=APT,
    peers=((OUTSIDE[1], 80),),
    files=("/var/lib/apt/lists/partial/deb.debian.org_debian_dists_bookworm_InRelease",),
)

SSHD = _service(701, "/usr/sbin/sshd", "-D")
SSH_SESSION = replace(
    _child(SSHD, "/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-R"), leads_session=True
)
LOGIN = Program(
    "/bin/bash",
    ("-bash",),
    SERVICE,
    parent=SSH_SESSION,
    directory="/home/svc",
    leads_session=True,
    entry="sshd",
    terminal=True,
)
LIST = _child(LOGIN, "/usr/bin/ls", "ls", "--color=auto", "-la")
TAIL = _child(LOGIN, "/usr/bin/tail", "tail", "-n", "200", "/var/log/nginx/access.log")
STATUS = _child(LOGIN, "/usr/bin/systemctl", "systemctl", "status", "nginx")
PROBE = _child(
    LOGIN,
    "/usr/bin/curl",
    "curl",
    "-sS",
    "http://10.20.7.9:8080/health",
    peers=((INSIDE[0], 8080),),
)
CHECK = _child(LOGIN, "/usr/bin/node", "node", "--check", "server.js", directory="/srv/www")

CONNECTING = (
    NGINX_WORKER,
    GUNICORN_WORKER,
    NODE,
    CELERY_WORKER,
    FETCH,
    IMPORT,
    APT_HTTP,
    PROBE,
)
WRITING = (
    INIT,
    JOURNAL,
    USER_MANAGER,
    NGINX_WORKER,
    GUNICORN_WORKER,
    NODE,
    CELERY_WORKER,
    FETCH,
    IMPORT,
    LOGROTATE,
    APT_GET,
    APT_HTTP,
)
EXECUTED = (
    USER_MANAGER,
    HOURLY,
    RUN_PARTS,
    REFRESH,
    REFRESH_SCRIPT,
    FETCH,
    IMPORT,
    CHECKSUM,
    LOGROTATE,
    APT_DAILY,
    APT_GET,
    APT_HTTP,
    SSH_SESSION,
    LOGIN,
    LIST,
    TAIL,
    STATUS,
    PROBE,
    CHECK,
)
STARTED = (NGINX_WORKER, GUNICORN_WORKER, CELERY_WORKER, *EXECUTED)
"""With those that are forked and never execute another program."""
