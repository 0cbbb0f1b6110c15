"""The names of the four scenarios."""

from typing import Literal

Scenario = Literal["SingleStream", "MultiStream", "Server", "Offline"]
