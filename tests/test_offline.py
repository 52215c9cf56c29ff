"""The network guard guards: this process and those that tests start."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request

import pytest

REACH_OUT = [
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    lambda: socket.getaddrinfo("example.org", 80),
    lambda: urllib.request.urlopen("http://example.org/", timeout=1),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
]


@pytest.mark.parametrize("reach_out", REACH_OUT)
def test_no_test_can_leave_the_machine(reach_out):
    with pytest.raises(OSError, match="may not leave"):
        reach_out()


def test_nor_can_a_process_that_it_starts():
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "may not leave this machine" in done.stderr


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
