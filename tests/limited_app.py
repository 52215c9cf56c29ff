"""The application as it is, where no file may grow beyond `ROOM` bytes, as on a disk that is full."""

import os
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
room = int(os.environ["ROOM"])
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

import app as app  # noqa: E402 - chainlit wants the handlers that this import sets
