"""What a training takes from its machine: settings that change no result (no spec holds them), and when to stop."""

import os
import signal
from typing import Any


def machine_settings() -> dict[str, Any]:
    """Return the machine's part of a recipe, from the variables that the workflow sets for its jobs."""
    return {
        "checkpoint_minutes": float(os.environ.get("XSTILTS_CHECKPOINT_MINUTES", "15")),
        "recompute": os.environ.get("XSTILTS_ACTIVATION_CHECKPOINTING") == "True",
    }


class StopSignal:
    """Remembers that the job was asked to end: SIGTERM, SIGUSR2 ahead of a time limit, or Ctrl-C."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT):
            signal.signal(number, self._remember)

    def _remember(self, *_: Any) -> None:
        self.asked = True

    def __call__(self) -> bool:
        """Say whether to stop after this step."""
        return self.asked
