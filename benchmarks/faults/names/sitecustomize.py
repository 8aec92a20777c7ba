"""A name server for one process: what ``FAULT_NAME`` is looked up as is said by the file ``FAULT_ADDRESS``.

Python imports a module of this name at its start, from the first folder of its path that has one. The file
has an address, ``unknown``, or ``silent``: then no answer comes until it says something else.
"""

import os
import socket
import time
from pathlib import Path
from typing import Final

_NAME: Final = os.environ["FAULT_NAME"]
_TOLD: Final = Path(os.environ["FAULT_ADDRESS"])
_others: Final = socket.getaddrinfo


def _look_up(host: str | bytes | None, *rest: object, **more: object) -> object:
    if host not in (_NAME, _NAME.encode()):
        return _others(host, *rest, **more)  # type: ignore[arg-type]  # passed on as they came
    while (address := _TOLD.read_text("utf-8")) == "silent":
        time.sleep(0.05)
    if address == "unknown":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _others(address, *rest, **more)  # type: ignore[arg-type]  # passed on as they came


socket.getaddrinfo = _look_up  # type: ignore[assignment]  # its types are those of what it passes on
