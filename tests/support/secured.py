"""A Kafka that asks who you are and allows little: SASL/PLAIN, and an authoriser with rights by user."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but not in an __all__
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.support import jars
from tests.support.broker import Kafka, Kind
from tests.support.waiting import free_port

USER: Final = "reader"
PASSWORD: Final = "canary-of-the-sasl-password"

_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_LISTENERS: Final = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT"
_ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """``open`` is a door without questions, for whoever prepares a test; ``address`` the guarded one."""

    open: Kafka
    address: str

    def properties(self, password: str = PASSWORD) -> Mapping[str, str]:
        """Return what a client needs to be :data:`USER` at the guarded door."""
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": USER,
            "sasl.password": password,
        }

    def allow(self, kind: str, name: str, *operations: str) -> None:
        """Give :data:`USER` rights on a ``TOPIC`` or ``GROUP``, by Kafka's names of them."""
        admin = AdminClient({"bootstrap.servers": self.open.bootstrap_servers})
        bindings = [
            AclBinding(
                ResourceType[kind],
                name,
                ResourcePatternType.LITERAL,
                f"User:{USER}",
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for operation in operations
        ]
        for future in admin.create_acls(bindings).values():
            future.result(_ANSWER_SECONDS)


@contextmanager
def secured_kafka() -> Iterator[SecuredKafka]:
    """Give such a Kafka; raises NotHere where this machine can't start Kafka from jars."""
    guarded = f"127.0.0.1:{free_port()}"
    users = f'username="{USER}" password="{PASSWORD}" user_{USER}="{PASSWORD}"'
    server = jars.kafka(
        {
            "listeners": f"PLAINTEXT://{{address}},GUARDED://{guarded},CONTROLLER://{{controller}}",
            "advertised.listeners": f"PLAINTEXT://{{address}},GUARDED://{guarded}",
            "listener.security.protocol.map": _LISTENERS,
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": f"{_PLAIN} {users};",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
    )
    with closing(server):
        server.start()
        yield SecuredKafka(Kafka(Kind.JARS, server.address, server), guarded)
