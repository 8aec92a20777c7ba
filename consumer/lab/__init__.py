"""Tries the service out on one machine: the API simulator, sample events, embedded Kafka, the demo.

Nothing here is part of the running service, and the service imports nothing from here.
"""
