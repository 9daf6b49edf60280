from pathlib import Path

import pytest

from pipeline.bus import BusError
from pipeline.bus.kafka.address import KafkaAddress


def test_an_address_names_brokers_and_topic() -> None:
    address = KafkaAddress.parse("kafka://a:9092,b:9093/wuhan")
    assert address.servers == ("a:9092", "b:9093")
    assert (address.topic, address.group) == ("wuhan.obs.v1", "wuhan.workers")
    assert address.client()["security_protocol"] == "PLAINTEXT"
    assert KafkaAddress.parse("kafka://a:9092").topic == "remindfirst.obs.v1"


def test_a_topic_has_twelve_partitions_unless_the_address_says_another_number() -> None:
    assert KafkaAddress.parse("kafka://a:9092").partitions == 12
    assert KafkaAddress.parse("kafka://a:9092?partitions=48").partitions == 48


def test_a_user_gets_in_with_the_password_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    address = KafkaAddress.parse(f"kafka+ssl://li@a:9092/x?password_file={tmp_path}/secret")
    assert address.security == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "li",
        "sasl_plain_password": "s3cret",
    }
    assert "s3cret" not in repr(address)
    assert KafkaAddress.parse("kafka+ssl://a:9092").security == {"security_protocol": "SSL"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("kafka://", "use kafka://"),
        ("kafka://a", "a: no port"),
        ("kafka://a:9092?ca_file=x", "'ca_file' has no meaning here; known: partitions"),
        ("kafka://li:s3cret@a:9092", "no password in a URL"),
        ("kafka://a:9092?partitions=0", "partitions: give a number"),
        ("kafka://a:9092?partitions=many", "partitions: give a number"),
        ("kafka://li@a:9092", "a user needs"),
        ("kafka://li@a:9092?password_file=/nowhere", "/nowhere: No such file"),
        ("kafka+ssl://a:9092?ca_file=/nowhere", "ca_file /nowhere: No such file"),
        (f"kafka+ssl://a:9092?ca_file={__file__}", "not what it should be, in PEM"),
        ("kafka+ssl://a:9092?cert_file=/nowhere", "cert_file /nowhere, key_file /nowhere: No such"),
        ("kafka://li@a:9092?mechanism=GUESS&password_file=/nowhere", "use one of PLAIN"),
    ],
)
def test_another_address_is_refused_and_shows_no_password(url: str, told: str) -> None:
    with pytest.raises(BusError) as refused:
        KafkaAddress.parse(url)
    assert told in str(refused.value)
    assert "s3cret" not in str(refused.value)
