"""Everything an operator can set: one frozen tree, whose attributes are the keys of the file.

The text under each attribute is what people read: ``config schema`` and ``docs/configuration.md`` are made
from it. Rules for one value are in ``consumer.core.settings.types``, rules across keys in
``consumer.core.settings.rules``; ``consumer.core.settings.configuration`` applies both and tells all
mistakes at once.
"""

# mypy counts the signature that pydantic's base class gives to every model as an explicit Any of ours:
# mypy: disable-error-code="explicit-any"

from pathlib import Path
from typing import ClassVar, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from consumer.core.settings.properties import Properties
from consumer.core.settings.types import (
    BaseUrl,
    Brokers,
    Currencies,
    Currency,
    FilePath,
    Flag,
    Integer,
    Moment,
    Number,
    Port,
    PropertyMap,
    RegistryUrls,
    StaticRates,
    Text,
    TopicName,
    Topics,
)

StartFrom: TypeAlias = Literal["earliest", "latest", "refuse"]
OnOutOfRange: TypeAlias = Literal["hold", "earliest"]
WireFormat: TypeAlias = Literal["auto", "confluent", "confluent_header", "apicurio", "single_object", "raw"]
PartialRefunds: TypeAlias = Literal["keep", "remove", "dead_letter"]
CaptureStatus: TypeAlias = Literal["INITIATED", "FAILED", "CANCELLED"]
RateSource: TypeAlias = Literal["table", "ecb", "file"]
Ordering: TypeAlias = Literal["key", "partition"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogFormat: TypeAlias = Literal["auto", "json", "console"]

#: Where the server key is read from when nothing else is configured.
DEFAULT_SERVER_KEY_FILE: Final = Path("/var/run/secrets/linkrunner/server-key")


class Section(BaseModel):
    """A part of the tree: frozen, without unknown keys, and silent about the values it refuses."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )


class KafkaSettings(Section):
    """The cluster, the group and the topics."""

    bootstrap_servers: Brokers
    """Brokers to ask first, as `host:port`, several with commas between them."""
    group_id: Text = "linkrunner-consumer"
    """Consumer group. Instances with the same group share the partitions."""
    topics: Topics = ()
    """Topics to read: names, or `^regular expressions`, which are matched from the beginning of a name on, as
    in `^payments\\.`. New topics are found within seconds; dead-letter topics are never matched. Required
    without a `mapping`; beside one, whose sources say what is read, it must not be set."""
    start_from: StartFrom = "earliest"
    """Where a group without committed offsets on any topic starts: `earliest`, `latest`, or `refuse` to start
    at all. A partition or topic that appears later is read from its beginning."""
    on_out_of_range: OnOutOfRange = "hold"
    """What happens when the committed offset is no longer in the log: `hold` the partition until someone
    decides, or go on at the `earliest` record that is left."""
    properties: PropertyMap = Field(default_factory=Properties)
    """More librdkafka properties, by their own names. `{file: PATH}` as a value reads it from a file, for
    secrets. What would break a promise of the service is refused, with the reason."""


class SchemaRegistrySettings(Section):
    """Where the schemas are that records name by an id."""

    url: RegistryUrls | None = None
    """Address of the registry; several, separated by commas, are tried in turn. `null`: none is used.
    Apicurio's may end in `/apis/ccompat/v7` or `/apis/registry/v2`: each wire format is asked for where it is
    served."""
    properties: PropertyMap = Field(default_factory=Properties)
    """More properties of confluent-kafka's registry client, such as `basic.auth.user.info` or
    `ssl.ca.location`. `{file: PATH}` as a value reads it from a file."""


class DecodingSettings(Section):
    """How the bytes of a record become an event."""

    wire_format: WireFormat = "auto"
    """How records are framed. `auto` tells `confluent` from `single_object` by their first bytes;
    `confluent_header` has the schema id in a header; `apicurio` has Apicurio's own id of 8 bytes, in a header
    or before the value; `raw` is Avro without framing."""
    schema_file: FilePath | None = Field(default=None, alias="schema")
    """File with the Avro schema of `raw` records."""
    schemas: tuple[FilePath, ...] = ()
    """Files with more Avro schemas, known by their fingerprint to `single_object` records. Types that a
    schema file names and does not define are looked up in these, too."""


class LifecycleSettings(Section):
    """What is done with payments that are not simply paid."""

    partial_refunds: PartialRefunds = "keep"
    """A refund of a part: `keep` the payment as it is, `remove` it as a whole, or `dead_letter` the refund.
    The API has no partial removal."""
    capture_statuses: tuple[CaptureStatus, ...] = ()
    """Statuses besides COMPLETED that are captured too, each under an id of its own, so that they can never
    swallow the revenue: `INITIATED`, `FAILED`, `CANCELLED`."""
    wallet_topups: Literal["capture", "skip"] = "capture"
    """Completed wallet top-ups. `skip` them where purchases from the wallet are captured too."""
    withdrawals: Literal["skip", "capture"] = "skip"
    """Completed withdrawals."""


class LinkrunnerSettings(Section):
    """The API that the payments go to."""

    base_url: BaseUrl = "https://api.linkrunner.io/api/v1"
    """Address of the API, up to and without `/capture-payment`."""
    server_key_file: FilePath | None = DEFAULT_SERVER_KEY_FILE
    """File with the server key; it is read again when it changes. A configured file wins over the variable
    `LINKRUNNER_SERVER_KEY` (or `LINKRUNNER_SERVER_KEY_FILE`), which wins over the default file."""
    timeout_seconds: Number = Field(default=10.0, gt=0, le=120)
    """Longest time one call may take, from connecting to the last byte of the answer."""
    requests_per_second: Number = Field(default=25.0, gt=0, le=10_000)
    """Most calls started in a second; of a group, in any second at most that many and one call for each
    instance. The documented limit of the API is 30 for each source address."""
    rate_scope: Literal["group", "pod"] = "group"
    """What shares `requests_per_second`: the whole consumer `group`, where an instance has the same part of
    it as of the partitions; or each `pod` has all of it for itself."""
    retry_after_cap_seconds: Number = Field(default=300.0, ge=1, le=86_400)
    """Longest wait that a Retry-After header is believed."""
    max_in_flight: Integer = Field(default=32, ge=1, le=1_024)
    """Most calls under way at the same time."""
    accept_refusals_until: Moment | None = None
    """Until this time (RFC 3339, as in `2026-03-01T12:00:00Z`) bad records become dead letters, however many:
    a topic is not stopped. It is the way out by hand where a topic was
    [stopped for too many of them](holds.md#refusals) and they are meant to be set aside. Read at the start; a
    time that has passed has no effect."""


class DeadLetterSettings(Section):
    """Where records go that can never be delivered."""

    topic: Text = "{topic}.dlq"
    """Dead-letter topic; `{topic}` stands for the topic the record came from."""
    create: Flag = False
    """Create missing dead-letter topics at the start."""
    properties: PropertyMap = Field(default_factory=Properties)
    """More librdkafka properties for the producer. It takes over the connection and security properties of
    `kafka.properties`; a name given here wins."""

    def topic_for(self, topic: str) -> str:
        """Return the dead-letter topic of the source topic ``topic``."""
        return self.topic.replace("{topic}", topic)


class DeliverySettings(Section):
    """Which events are still worth a call, and for how long."""

    give_up_after_seconds: Number | None = Field(default=None, gt=0, le=31_536_000)
    """How long a call may fail (answers that are tried again) before its record becomes a dead letter,
    `gave_up`. Only time counts in which other calls succeed: an outage of the API, a hold or a silence that
    it asked for gives up nothing. Counted anew by each process. `null`: for ever."""
    nothing_to_remove: Literal["settle", "dead_letter"] = "settle"
    """What becomes of a full refund that finds no payment until its grace is over: `settle` it, or
    `dead_letter` it, so that it can be published again. Advised where refunds have a topic of their own:
    `dead_letter`. Both are counted. See [refunds](refunds.md)."""
    nothing_to_remove_grace_seconds: Number = Field(default=60.0, ge=0, le=3_600)
    """How long such a refund is tried again, because it may have overtaken its payment. The time runs only
    while the API answers and the process is not behind. 0: it is not tried again."""
    max_event_age_seconds: Number | None = Field(default=None, gt=0, le=3_155_760_000)
    """Oldest payment that is sent, by the event's own time (else the record's) at its delivery; an older one
    becomes a dead letter. Refunds have no such limit. `null`: none."""


class RatesSettings(Section):
    """Where exchange rates come from. See [currency](currency.md)."""

    source: RateSource
    """`table`: the rates stand in `rates`, and are valid on every day. `ecb`: the European Central Bank's
    history in the file `path`, as it is published (`eurofxref-hist.csv`, or the `.zip` with it). `file`: a
    CSV file of your own, `path`, with a line `date,currency,rate` for each rate."""
    path: FilePath | None = None
    """File with the rates of `ecb` or `file`; it is read again within a second when it changes."""
    base: Currency | None = None
    """What the rates of `table` or `file` are against: a rate is what 1 unit of the base costs."""
    rates: StaticRates | None = None
    """Rates of `table`, as in `{INR: "88.12"}`, in quotes."""
    max_age_days: Integer = Field(default=7, ge=1, le=366)
    """How many days before a payment its rate may be dated at most. Where there is no such rate yet, the
    payments that need it wait. It has to span weekends and holidays, on which no rates appear."""


class CurrencySettings(Section):
    """In which currency amounts are sent: either `accept` or `reporting` has to be set.

    The API adds amounts up whatever their currency.
    """

    reporting: Currency | None = None
    """ISO 4217 code of the one currency that all payments are converted to, at the rates of `rates`."""
    accept: Currencies | None = None
    """ISO 4217 codes that are sent, as in `[INR]`, without conversion; payments in others become dead
    letters. `any` mixes currencies on purpose."""
    rates: RatesSettings | None = None
    """Exchange rates for `reporting`: a map with the keys below."""


class EventDataSettings(Section):
    """The catalogue fields of a captured payment."""

    on_invalid: Literal["omit", "dead_letter"] = "omit"
    """What happens to a payment whose catalogue fields break a rule: `omit` those fields and send the
    payment, or `dead_letter` it."""


class ErasureSettings(Section):
    """Erasing users who asked for it. One record of this topic deletes all payments of a user, for good."""

    enabled: Flag = False
    """Whether the erasure topic is read and its users are erased: `POST /remove-payment` with a `user_id`.
    No payment event ever does that, whatever this says."""
    topic: TopicName | None = None
    """Topic with `UserErasure` records, and nothing else; not one of `kafka.topics`."""
    requests_per_second: Number = Field(default=1.0, gt=0, le=10_000)
    """Most erasures started in a second by one pod. They are slow on purpose, so that a flood of them is
    seen while it can be stopped. Each also counts against `linkrunner.requests_per_second`."""


class ShutdownSettings(Section):
    """How the service ends."""

    drain_seconds: Number = Field(default=20.0, ge=1, le=3_600)
    """Longest wait for calls under way when the service stops or hands over a partition. Give the process
    ten seconds more before it is killed."""


class CommitSettings(Section):
    """How often progress is stored in Kafka."""

    interval_seconds: Number = Field(default=1.0, ge=0.1, le=60)
    """Time between commits. After a crash, what was finished since the last commit is sent again. Commits
    come more often where that is needed to prove that this process is in its group: at each third of
    [the lease](holds.md#lease)."""


class HttpSettings(Section):
    """Health and metrics for others to read."""

    host: Text = "0.0.0.0"
    """Address to listen on."""
    port: Port = 8080
    """Port to listen on; 0 takes a free one and logs it."""


class LogSettings(Section):
    """What the service says."""

    level: LogLevel = "info"
    """Least severe messages that are written."""
    format: LogFormat = "auto"
    """`json`, `console`, or `auto`: console on a terminal, else JSON."""


class Settings(Section):
    """The whole configuration."""

    kafka: KafkaSettings
    schema_registry: SchemaRegistrySettings = Field(default_factory=SchemaRegistrySettings)
    decoding: DecodingSettings = Field(default_factory=DecodingSettings)
    mapping: FilePath | None = None
    """File that says what the events of other schemas mean, and in which topics they are. `null`: all topics
    have events of the canonical schema."""
    lifecycle: LifecycleSettings = Field(default_factory=LifecycleSettings)
    ordering: Ordering = "key"
    """What keeps its order: records with the same `key` in a partition, or the whole `partition`. Records
    without a key share one lane in each partition."""
    linkrunner: LinkrunnerSettings = Field(default_factory=LinkrunnerSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    dead_letters: DeadLetterSettings = Field(default_factory=DeadLetterSettings)
    currency: CurrencySettings = Field(default_factory=CurrencySettings)
    event_data: EventDataSettings = Field(default_factory=EventDataSettings)
    erasure: ErasureSettings = Field(default_factory=ErasureSettings)
    shutdown: ShutdownSettings = Field(default_factory=ShutdownSettings)
    commit: CommitSettings = Field(default_factory=CommitSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    @property
    def erasure_topic(self) -> str | None:
        """The topic whose records erase users; None while nobody is erased."""
        return self.erasure.topic if self.erasure.enabled else None
