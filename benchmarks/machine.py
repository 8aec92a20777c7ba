"""What the numbers were measured on; every benchmark prints it above its table."""

import os
import platform


def describe() -> str:
    """Return the machine in one line, like ``2 cores, x86_64, Debian GNU/Linux 12, CPython 3.11.7``."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.system()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {platform.machine()}, {system}, {python}"
