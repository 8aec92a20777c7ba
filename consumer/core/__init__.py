"""Decisions without I/O, clock, randomness or asyncio: values in, values out."""
