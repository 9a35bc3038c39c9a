from __future__ import annotations

import resource
import socket

import pytest

from registry.server import StartFailed
from registry.server.sockets import allow_files, listen


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartFailed, match=f"127.0.0.1:{port}: the port is taken"):
            listen("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(StartFailed, match=r"cannot listen on 192\.0\.2\.1:0"):
        listen("192.0.2.1", 0)


def test_a_name_without_address_is_named() -> None:
    with pytest.raises(StartFailed, match=r"cannot listen on nowhere\.invalid:1"):
        listen("nowhere.invalid", 1)


def test_every_address_of_a_name_listens_on_one_port() -> None:
    sockets = listen("localhost", 0)
    try:
        ports = {opened.getsockname()[1] for opened in sockets}
        assert len(ports) == 1
        assert sockets[0].family == socket.AF_INET
        with socket.create_connection(("localhost", ports.pop()), 5):
            pass
    finally:
        for opened in sockets:
            opened.close()


def test_open_files_are_allowed_up_to_the_hard_bound() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        assert allow_files(300) == 300
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300
        assert allow_files(200) == 300
        assert allow_files(1 << 40) == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
