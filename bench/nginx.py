"""nginx, twice: the gateway to compare with, and a far end that is never the bottleneck."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from bench.messages import answer
from bench.probe import answers, free_port
from bench.processes import Cores, Program

PLACES: Final = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"  # where it may be without being on PATH
FRAME: Final = """
daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/{name}.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    server_tokens off;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_body_buffer_size 64k;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {servers}
}}
"""
CANNED: Final = """
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ default_type application/json; return 200 '{body}'; }}
    }}
"""
PROXY: Final = """
    upstream far_{port} {{ server 127.0.0.1:{far}; keepalive 1024; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://far_{port};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
"""


def find() -> str | None:
    """The program, where it is installed."""
    return shutil.which("nginx") or shutil.which("nginx", path=PLACES)


def version(program: str) -> str:
    """What it calls itself."""
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    return told.strip().rpartition("/")[2]


def start_canned(program: str, folder: Path, cores: Cores) -> tuple[Program, int]:
    """A far end that gives everybody the same answer, and its port."""
    port = free_port()
    server = CANNED.format(port=port, body=answer().decode())
    return _start(program, folder, "canned", server, port, cores), port


def start_proxy(program: str, folder: Path, cores: Cores, far: tuple[int, int]) -> tuple[Program, tuple[int, int]]:
    """A plain reverse proxy, and its port for each port of the far end."""
    ports = free_port(), free_port()
    servers = "".join(PROXY.format(port=port, far=behind) for port, behind in zip(ports, far, strict=True))
    return _start(program, folder, "proxy", servers, ports[0], cores), ports


def _start(program: str, folder: Path, name: str, servers: str, port: int, cores: Cores) -> Program:
    frame = folder / f"{name}.conf"
    frame.write_text(FRAME.format(folder=folder, name=name, servers=servers))
    # -e: otherwise it first opens the system's own log, which only root may.
    started = Program([program, "-e", str(folder / f"{name}.log"), "-c", str(frame)], cores)
    started.wait_until(lambda: answers(port))
    return started
