"""What can be done to librdkafka's mock cluster (rdkafka_mock.h): errors of its broker, and their absence."""

import ctypes

from consumer.lab.embedded import EmbeddedKafka

#: The key of the Produce request in the protocol.
PRODUCE = 0
#: The only broker of an embedded Kafka.
_BROKER = 1


def push_errors(kafka: EmbeddedKafka, request: int, error: int, times: int = 1) -> None:
    """Let the cluster answer the next ``times`` such requests with an error of the protocol."""
    for _ in range(times):
        kafka._library.rd_kafka_mock_push_request_errors(
            ctypes.c_void_p(kafka._cluster), ctypes.c_int16(request), ctypes.c_size_t(1), ctypes.c_int(error)
        )


def clear_errors(kafka: EmbeddedKafka, request: int) -> None:
    """Forget the errors that are not answered yet."""
    kafka._library.rd_kafka_mock_clear_request_errors(
        ctypes.c_void_p(kafka._cluster), ctypes.c_int16(request)
    )


def take_down(kafka: EmbeddedKafka) -> None:
    """Let the broker refuse connections, and end those that there are."""
    kafka._library.rd_kafka_mock_broker_set_down(ctypes.c_void_p(kafka._cluster), ctypes.c_int32(_BROKER))


def bring_up(kafka: EmbeddedKafka) -> None:
    """Let the broker take connections again."""
    kafka._library.rd_kafka_mock_broker_set_up(ctypes.c_void_p(kafka._cluster), ctypes.c_int32(_BROKER))
