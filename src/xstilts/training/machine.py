"""What a training takes from its machine: settings that change no result, so that no spec holds them."""

import os
from typing import Any


def machine_settings() -> dict[str, Any]:
    """Return the machine's part of a recipe, from the variables that the workflow sets for its jobs."""
    return {
        "checkpoint_minutes": float(os.environ.get("XSTILTS_CHECKPOINT_MINUTES", "15")),
        "recompute": os.environ.get("XSTILTS_ACTIVATION_CHECKPOINTING") == "True",
    }
