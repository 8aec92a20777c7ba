"""Every answer and fault of the API, what the service makes of it, and what it costs: ``docs/faults.md``.

The real service as a process, the API simulator as another, and librdkafka's mock cluster: nothing has to be
installed. ``cases`` is the table, ``front`` what is between service and simulator where an answer has to be
broken byte by byte, ``play`` one row's run.
"""
