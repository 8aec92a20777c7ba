"""Order and progress per partition: lanes, offsets, where to start, when to pause."""
