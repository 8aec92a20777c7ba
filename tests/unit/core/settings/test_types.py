"""What is taken as an address: nothing that the HTTP client or the Kafka client would stumble over later."""

import httpx
import pytest
import yarl
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from consumer.core.settings.types import BaseUrl, Brokers, RegistryUrls

BASE_URL: TypeAdapter[str] = TypeAdapter(BaseUrl)
REGISTRY_URLS: TypeAdapter[str] = TypeAdapter(RegistryUrls)
BROKERS: TypeAdapter[str] = TypeAdapter(Brokers)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.linkrunner.io/api/v1",
        "http://localhost:8099",
        "http://api.payments.svc.cluster.local.:80/x",
        "http://127.0.0.1:1",
        "http://[::1]:8081/a",
        "http://[::ffff:1.2.3.4]",
        "https://xn--bcher-kva.example",
        "https://a-1.b--c.D:65535/a:b/%20",
    ],
)
def test_usual_addresses_are_taken_as_they_are(url: str) -> None:
    """Names, both kinds of addresses, ports and paths."""
    assert BASE_URL.validate_python(url) == url
    assert REGISTRY_URLS.validate_python(f"{url}, {url}/") == f"{url},{url}"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://a\\b", "backslash"),
        ("http://a/b\\c", "backslash"),
        ("http://bücher.example", "outside ASCII"),
        ("http://a/ü", "outside ASCII"),
        ("http://xn--", "no host"),
        ("http://xn--a", "no host"),
        ("http://a_b", "no host"),
        ("http://-a.b", "no host"),
        ("http://a-.b", "no host"),
        ("http://a..b", "no host"),
        ("http://.", "no host"),
        ("http://a%41", "no host"),
        (f"http://{'a' * 64}", "no host"),
        (f"http://{'.'.join(['a' * 60] * 5)}", "no host"),
        ("http://256.1.1.1", "no host"),
        ("http://01.2.3.4", "no host"),
        ("http://1.2.3", "no host"),
        ("http://0x7f", "no host"),
        ("http://a.0x7f", "no host"),
        ("http://[v1.a]", "no "),
        ("http://[::1", "no "),
        ("http://[1.2.3.4]", "no "),
        ("http://[fe80::1%25eth0]", "no "),
        ("http://[::1]a:80", "no "),
        ("http://a:", "no port"),
        ("http://a:0", "no port"),
        ("http://a:65536", "no port"),
        ("http://a:+1", "no port"),
        (f"http://a/{'b' * 2000}", "longer than"),
    ],
)
def test_other_addresses_are_refused(url: str, what: str) -> None:
    """Each with what is wrong and no word of the address itself."""
    for adapter in (BASE_URL, REGISTRY_URLS):
        with pytest.raises(ValidationError) as caught:
            adapter.validate_python(url)
        (error,) = caught.value.errors()
        assert what in error["msg"]
        assert url not in error["msg"]
        assert error["ctx"]["cure"]


def test_a_name_in_another_script_is_to_be_written_in_ascii() -> None:
    """The cure says in which form such a name is taken."""
    with pytest.raises(ValidationError) as caught:
        BASE_URL.validate_python("https://bücher.example")
    assert "xn--" in caught.value.errors()[0]["ctx"]["cure"]


_PART = st.text(st.sampled_from("aZ0129.-:[]_%\\@é/x"), max_size=12)
_PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F), max_size=20)
_URLS = st.builds(
    "{}://{}{}".format, st.sampled_from(["http", "https", "HTTP"]), _PART | _PRINTABLE, _PRINTABLE
)


@given(_URLS | st.from_regex(r"https?://[a-z0-9.-]{1,20}(:[0-9]{1,6})?(/[!-~]*)?", fullmatch=True))
@example("http://xn--a")
@example("http://xn--zzzzzz9999")
@example("http://1.2.3")
@example("http://Z0")
@example('http://a/"<>{}|^`[]%')
def test_what_is_taken_is_taken_by_the_clients(url: str) -> None:
    """No address fails at the first call: httpx and yarl take it, and agree on whom to call."""
    try:
        taken = BASE_URL.validate_python(url)
    except ValidationError:
        return
    ours = httpx.URL(taken)
    theirs = yarl.URL(str(ours), encoded=True)
    assert ours.raw_host.decode() == theirs.raw_host
    assert ours.port in {None, theirs.port}
    assert theirs.host
    # Names of hosts have no case (RFC 3986, 3.2.2); only one of the two clients writes them in small letters.
    assert (yarl.URL(taken, encoded=True).host or "").lower() == theirs.host


@pytest.mark.parametrize(
    "protocol", ["", "PLAINTEXT://", "SSL://", "SASL_PLAINTEXT://", "SASL_SSL://", "sasl_ssl://"]
)
@pytest.mark.parametrize("host", ["a", "a:9092", "[::1]:9092", "10.0.0.1:9092"])
def test_brokers_are_taken_with_the_protocols_of_librdkafka(protocol: str, host: str) -> None:
    """The four of ``security.protocol``, in any case, or none."""
    assert BROKERS.validate_python(f"b:1,{protocol}{host}") == f"b:1,{protocol}{host}"


@pytest.mark.parametrize(
    "broker", ["http://a:1", "TLS://a:1", "://a:1", "SASL://a:1", "SSL:a:1", "SSL://", "SSL://a:0"]
)
def test_brokers_with_any_other_protocol_are_refused(broker: str) -> None:
    """Such a broker would be left out by librdkafka, with a line in its log."""
    with pytest.raises(ValidationError, match="no list of brokers"):
        BROKERS.validate_python(f"b:1,{broker}")
