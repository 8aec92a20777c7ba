"""Decisions without I/O, clock, randomness or asyncio: values in, values out.

``avro`` makes events of bytes, ``meaning`` makes intents of events, ``api`` has the calls and what their
answers mean, ``partitions`` order and progress, ``settings`` what operators can set, ``operations`` what they
see. Beside them stand the words that all of these share: records, outcomes, letters, errors.
"""
