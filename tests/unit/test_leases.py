"""Leases of GPUs: never more holders than slots, distinct devices first, free again after SIGKILL."""

import os
import signal
import subprocess
import sys

import pytest

from xstilts.errors import UserError
from xstilts.leases import lease_device

HOLD = """
import sys, time
from pathlib import Path
from xstilts.leases import lease_device
print(lease_device(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[1]), 30)[0], flush=True)
time.sleep(600)
"""


def hold(folder, devices, slots):
    command = [sys.executable, "-c", HOLD, str(folder), str(devices), str(slots)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def test_holders_get_distinct_devices_before_they_share(tmp_path):
    held = [hold(tmp_path, 2, 2) for _ in range(4)]
    try:
        assert sorted(device for _, device in held[:2]) == [0, 1]
        assert sorted(device for _, device in held) == [0, 0, 1, 1]
        with pytest.raises(UserError, match="no free GPU among 2"):
            lease_device(2, 2, tmp_path, 0.1)
    finally:
        for process, _ in held:
            process.kill()
            process.wait()


def test_killed_holder_frees_its_device_at_once(tmp_path):
    process, device = hold(tmp_path, 1, 1)
    with pytest.raises(UserError):
        lease_device(1, 1, tmp_path, 0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again, handle = lease_device(1, 1, tmp_path, 0.1)
    os.close(handle)
    assert again == device == 0
