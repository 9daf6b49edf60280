"""TLS and passwords, against a broker that asks for both."""

import logging
from contextlib import closing
from pathlib import Path
from threading import Event as Flag
from time import monotonic

import pytest

from pipeline.bus import (
    BusError,
    check_topic,
    create_topic,
    open_publisher,
    open_subscriber,
)
from pipeline.bus.kafka import KafkaAddress
from pipeline.delivery import Delivery
from pipeline.reminder_queue import ReminderQueue
from pipeline.storage import Storage
from pipeline.worker import Worker
from tests.pipeline.bus.contract import a_status, joined, read_all
from tests.servers.certificates import make_certificates
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.kafka


@pytest.fixture
def wrong_password_url(secured_kafka_url: str, tmp_path: Path) -> str:
    (tmp_path / "wrong-password").write_text("s3cret\n")
    return secured_kafka_url.replace("/kafka-password", "/wrong-password")


def test_events_travel_through_tls_for_a_user_with_a_password(
    secured_kafka_url: str, tmp_path: Path
) -> None:
    with closing(open_publisher(secured_kafka_url, source="one", state_dir=tmp_path)) as writer:
        sent = writer.publish([a_status("cam-1", n) for n in range(20)])
    with closing(open_subscriber(secured_kafka_url)) as reader:
        assert read_all(reader) == list(sent)


def test_a_topic_is_made_and_checked_through_tls(secured_kafka_url: str) -> None:
    assert not create_topic(secured_kafka_url, replicas=1)
    assert check_topic(secured_kafka_url).endswith("of 4 partitions")


def test_a_wrong_password_is_for_a_person(wrong_password_url: str) -> None:
    # Each time: the broker's last words must not get lost.
    for _ in range(5):
        with pytest.raises(BusError, match="is not let in; check the user and the file that pass"):
            check_topic(wrong_password_url)


def test_another_mechanism_is_for_a_person(secured_kafka_url: str) -> None:
    with pytest.raises(BusError, match="mechanism SCRAM-SHA-256 is not one of its own"):
        check_topic(f"{secured_kafka_url}&mechanism=SCRAM-SHA-256")


def test_a_broker_whom_our_authority_does_not_know_is_for_a_person(
    secured_kafka_url: str, tmp_path: Path
) -> None:
    make_certificates(tmp_path / "other")
    url = secured_kafka_url.replace(str(KafkaServer().ca_file), f"{tmp_path}/other/ca.pem")
    with pytest.raises(BusError, match=r"not trusted: .*; check the file that ca_file names"):
        check_topic(url)


def test_a_broker_of_another_name_is_for_a_person(secured_kafka_url: str) -> None:
    with pytest.raises(BusError, match=r"not valid for .localhost.; check .* the name of"):
        check_topic(secured_kafka_url.replace("127.0.0.1", "localhost"))


def test_a_broker_that_speaks_tls_is_not_read_as_one_that_does_not(
    secured_kafka_url: str,
) -> None:
    (server,) = KafkaAddress.parse(secured_kafka_url).servers
    with pytest.raises(BusError, match=r"for TLS use kafka\+ssl://"):
        check_topic(f"kafka://{server}")


def test_a_wrong_password_ends_a_worker(
    wrong_password_url: str,
    storage: Storage,
    queue: ReminderQueue,
    delivery: Delivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.bus.kafka.subscriber._ASK_WHY_AFTER_S", 0.1)
    with closing(open_subscriber(wrong_password_url)) as reader:
        worker = Worker(subscriber=reader, storage=storage, queue=queue, delivery=delivery)
        with pytest.raises(BusError, match="password_file"):
            worker.run(Flag())


def test_a_password_that_is_changed_meanwhile_ends_a_worker_too(
    secured_kafka_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = KafkaAddress.parse(secured_kafka_url).user
    assert user is not None
    with closing(open_subscriber(secured_kafka_url)) as reader:
        joined(reader)
        (tmp_path / "another").write_text("another")
        KafkaServer().let_in(user, tmp_path / "another")
        monkeypatch.setattr(reader, "_ask_why_at_s", 0.0)
        with pytest.raises(BusError, match="password_file"):
            reader.assigned()


def test_a_wrong_password_is_an_error_in_the_log_and_no_event_is_lost(
    wrong_password_url: str,
    secured_kafka_url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.bus.kafka.publisher._CLOSE_WITHIN_S", 0.2)
    with closing(open_publisher(wrong_password_url, source="one", state_dir=tmp_path)) as writer:
        sent = writer.publish([a_status("cam-1", n) for n in range(5)])
        until_s = monotonic() + 30
        while not told(caplog) and monotonic() < until_s:
            pass
        assert writer.waiting() == 5
        assert "password_file" in told(caplog)[0]
        assert "s3cret" not in caplog.text
    monkeypatch.undo()
    with closing(open_publisher(secured_kafka_url, source="one", state_dir=tmp_path)):
        pass
    with closing(open_subscriber(secured_kafka_url)) as reader:
        assert read_all(reader) == list(sent)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the publisher says a person must mend."""
    return [
        vars(record)["error"]
        for record in caplog.records
        if record.name == "pipeline.bus.kafka.publisher" and record.levelno == logging.ERROR
    ]
