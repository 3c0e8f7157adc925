import errno
import fcntl
import subprocess
import sys

import pytest

from synaxial.io.files import take_lock

HOLD = """
import sys, pathlib
from synaxial.io.files import take_lock
lock = take_lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_goes_with_a_killed_process(tmp_path):
    path = tmp_path / "folder" / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(BlockingIOError):
        take_lock(path)
    holder.kill()
    holder.communicate(timeout=30)
    take_lock(path).close()


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    take_lock(tmp_path / "lock").close()
    assert "has no locks" in caplog.text
