"""Avro payment events on Kafka become Linkrunner calls; offsets move only after the answer.

Three rings, imports only inward: ``core`` decides (no I/O, no clock), ``edges`` each know one outside
thing, ``flow`` puts them together. ``lab`` holds what tries the service out on one machine, ``cli`` the
commands. Start reading at ``consumer/core/meaning/intents.py``.
"""

__version__ = "0.1.0"
