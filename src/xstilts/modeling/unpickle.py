"""The process that opens pickled weights: started by ``convert`` alone, without network, and with nobody's secrets.

``python -m xstilts.modeling.unpickle DEST FILE...`` reads the tensors of PyTorch files and writes safetensors.
"""

import ctypes
import socket
import sys
from pathlib import Path
from typing import Any

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # linux/sched.h
REFUSED = 3  # exit code: a file holds something else than tensors


class NoSocket(socket.socket):
    """What is in a socket's place: modules may still derive from it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise PermissionError("no network in this process")


def leave_the_network() -> bool:
    """Give this process a network of its own, which leads nowhere; say whether the system allowed it.

    Where it does not (a container may not make namespaces), Python's sockets at least are gone.
    """
    socket.socket = NoSocket  # type: ignore[misc]
    try:
        return ctypes.CDLL(None, use_errno=True).unshare(NEW_USER | NEW_NETWORK) == 0
    except (OSError, AttributeError):
        return False


def main(argv: list[str]) -> int:
    """Read the files with ``weights_only`` (no object but tensors and containers is made) and write their tensors."""
    leave_the_network()
    import pickle

    import torch
    from safetensors.torch import save_file

    target, *files = map(Path, argv)
    tensors: dict[str, torch.Tensor] = {}
    for path in files:
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            print(f"{path.name}: found more than weights, or a damaged file: {reason}", file=sys.stderr)
            return REFUSED
        if not isinstance(found, dict):
            print(f"{path.name}: found a {type(found).__name__}; expected weights by name", file=sys.stderr)
            return REFUSED
        # Tied weights share their bytes, which the format refuses: each gets its own.
        tensors |= {name: one.clone().contiguous() for name, one in found.items() if isinstance(one, torch.Tensor)}
    if not tensors:
        print(f"{files[0].name}: found no tensor in it", file=sys.stderr)
        return REFUSED
    save_file(tensors, target, {"format": "pt"})
    target.chmod(0o644)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
