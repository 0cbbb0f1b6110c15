"""Processes that hold GPUs, or wait for one, and a program in the place of nvidia-smi."""

import select
import subprocess
import sys

HOLD = """
import sys, time
from pathlib import Path
from xstilts.leases import lease_device
print(lease_device(sys.argv[2].split(","), int(sys.argv[3]), Path(sys.argv[1]), 30)[0], flush=True)
time.sleep(600)
"""


def hold(folder, names, slots):
    command = [sys.executable, "-c", HOLD, str(folder), names, str(slots)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


SEVERAL = """
import sys, time
from pathlib import Path
from xstilts.leases import lease_devices
print(*lease_devices(sys.argv[2].split(","), int(sys.argv[4]), int(sys.argv[3]), Path(sys.argv[1]), 60)[0], flush=True)
time.sleep(600)
"""


def hold_several(folder, names, slots, count):
    command = [sys.executable, "-c", SEVERAL, str(folder), names, str(slots), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def end(*processes):
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


ALONE = """
import sys, time
from pathlib import Path
from xstilts.leases import lease_device
print(lease_device(sys.argv[2].split(","), int(sys.argv[3]), Path(sys.argv[1]), 60, alone=True)[0], flush=True)
time.sleep(600)
"""


def hold_alone(folder, names, slots):
    command = [sys.executable, "-c", ALONE, str(folder), names, str(slots)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def says(process, seconds):
    ready = select.select([process.stdout], [], [], seconds)[0]
    return process.stdout.readline().strip() if ready else None


LEASED = """
import os, sys
from xstilts.leases import leased_gpu
with leased_gpu():
    print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


def nvidia_smi(folder, answers):
    """Put a program of that name into a folder that is all of PATH: it answers to its first word."""
    folder.mkdir(exist_ok=True)
    cases = "\n".join(f"{word}) printf '%b' '{text}';;" for word, text in answers.items())
    (folder / "nvidia-smi").write_text(f'#!/bin/sh\ncase "$1" in\n{cases}\n*) exit 9;;\nesac\n')
    (folder / "nvidia-smi").chmod(0o755)
    return str(folder)
