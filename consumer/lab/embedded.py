"""Kafka inside this process: librdkafka's mock cluster, which other processes reach over loopback.

The C library that confluent-kafka brings along exports it (``rdkafka_mock.h``; declared experimental by its
makers). It knows groups, commits, headers and idempotent producers, but it keeps only 5 MiB per partition
and nothing beyond the process, and the Admin calls that create or describe topics fail: a stage for trying
things out, not a broker to prove a guarantee on.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from confluent_kafka import cimpl

from consumer.core.errors import DependencyError

_PRODUCER: Final = 0
_ERROR_BYTES: Final = 512
_REBALANCE_DELAY_MS: Final = 200
_END_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class EmbeddedKafka:
    """A running mock cluster of one broker; ``bootstrap_servers`` is how clients reach it."""

    bootstrap_servers: str
    _library: ctypes.CDLL
    _cluster: int

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic. Topics that nobody created come to be on first use, with 4 partitions.

        Raises :class:`DependencyError` where the name is taken.
        """
        error = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if error:
            reason = self._library.rd_kafka_err2str(error).decode()
            raise DependencyError(f"the embedded Kafka can't create topic {name}: {reason}")


@contextmanager
def embedded_kafka() -> Iterator[EmbeddedKafka]:
    """Run a mock cluster until the end of the block. Its threads are C threads: they never hold the GIL.

    Raises :class:`DependencyError` where this build of confluent-kafka has none.
    """
    library = _library()
    handle = _client(library)
    cluster = library.rd_kafka_mock_cluster_new(handle, 1)
    try:
        if not cluster:
            raise DependencyError("librdkafka could not start its mock cluster")
        # A group's first members are waited for; the default is three seconds.
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, _REBALANCE_DELAY_MS)
        servers = library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
        yield EmbeddedKafka(servers, library, cluster)
    finally:
        _end(library, handle, cluster)


def _end(library: ctypes.CDLL, handle: int, cluster: int | None) -> None:
    """End a cluster and the client that it lives in.

    Once in a few hundred times librdkafka does not come back from that, where clients went away in mid-flow.
    Then both are left to the end of the process: it has to come, and it frees everything.
    """

    def destroy() -> None:
        if cluster:
            library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(handle)

    ending = threading.Thread(target=destroy, name="embedded-kafka-end", daemon=True)
    ending.start()
    ending.join(_END_SECONDS)


def _client(library: ctypes.CDLL) -> int:
    """Create the client that a mock cluster lives in; it talks to no broker itself."""
    settings = library.rd_kafka_conf_new()
    # Without a log callback the cluster is silent: it shares standard error with the demo's report.
    library.rd_kafka_conf_set_log_cb(settings, None)
    reason = ctypes.create_string_buffer(_ERROR_BYTES)
    handle = library.rd_kafka_new(_PRODUCER, settings, reason, _ERROR_BYTES)
    if not handle:
        raise DependencyError(f"librdkafka could not start: {reason.value.decode()}")
    return int(handle)


def _library() -> ctypes.CDLL:
    """Return librdkafka with the signatures used here.

    Symbols are looked up through confluent-kafka's own extension module, whose search includes what it is
    linked to: so it is the very library that the clients use, wherever the wheel keeps it.
    """
    library = ctypes.CDLL(cimpl.__file__)
    try:
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError:
        raise DependencyError("this build of confluent-kafka does not export the mock cluster") from None
    return library


_POINTER: Final = ctypes.c_void_p
#: What is called in C: the result and the arguments, from rdkafka.h and rdkafka_mock.h.
_SIGNATURES: Final = {
    "rd_kafka_conf_new": (_POINTER, []),
    "rd_kafka_conf_set_log_cb": (None, [_POINTER, _POINTER]),
    "rd_kafka_new": (_POINTER, [ctypes.c_int, _POINTER, ctypes.c_char_p, ctypes.c_size_t]),
    "rd_kafka_destroy": (None, [_POINTER]),
    "rd_kafka_err2str": (ctypes.c_char_p, [ctypes.c_int]),
    "rd_kafka_mock_cluster_new": (_POINTER, [_POINTER, ctypes.c_int]),
    "rd_kafka_mock_cluster_destroy": (None, [_POINTER]),
    "rd_kafka_mock_cluster_bootstraps": (ctypes.c_char_p, [_POINTER]),
    "rd_kafka_mock_topic_create": (ctypes.c_int, [_POINTER, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [_POINTER, ctypes.c_int32]),
}
