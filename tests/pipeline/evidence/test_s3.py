import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import boto3
import pytest

from pipeline.errors import PermanentError, RetryableError
from pipeline.events import EvidenceRef
from pipeline.evidence import (
    ErasableEvidenceStore,
    EvidenceStore,
    EvidenceStoreError,
    EvidenceStoreUnavailableError,
    open_evidence_store,
)
from pipeline.evidence.s3 import S3Address
from tests.builders import NOON
from tests.pipeline.evidence.contract import EvidenceStoreContract, Folder, put

NOBODY = "s3://evidence?endpoint=http://127.0.0.1:1"
LOST = EvidenceRef(sha256="0" * 64, media_type="image/jpeg", size_bytes=7, captured_at=NOON)


class Bucket:
    """Backstage of a store in a bucket."""

    def __init__(self, client: Any, endpoint: str) -> None:
        self._client = client
        self.name = f"evidence-{uuid4().hex}"
        self.url = f"s3://{self.name}/city/east?endpoint={endpoint}&region=us-east-1"
        client.create_bucket(Bucket=self.name)

    def key(self, ref: EvidenceRef) -> str:
        return f"city/east/{ref.sha256[:2]}/{ref.sha256}"

    def names(self) -> list[str]:
        found = self._client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [one["Key"].rpartition("/")[2] for one in found]

    def overwrite(self, ref: EvidenceRef, content: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=self.key(ref), Body=content)

    def lose(self, ref: EvidenceRef) -> None:
        self._client.delete_object(Bucket=self.name, Key=self.key(ref))

    def media_type(self, ref: EvidenceRef) -> str:
        found = self._client.head_object(Bucket=self.name, Key=self.key(ref))
        return str(found["ContentType"])


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 server on this machine."""
    # Half a second, which no other test shall wait for.
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3_client(s3_endpoint: str) -> Any:
    secrets = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1", **secrets)


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    """Credentials as on no machine, and nothing else that this one may have for boto3."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", "no-such-file")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "no-such-file")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield


@pytest.fixture
def bucket(s3_client: Any, s3_endpoint: str) -> Bucket:
    return Bucket(s3_client, s3_endpoint)


@pytest.fixture
def store(bucket: Bucket) -> ErasableEvidenceStore:
    return open_evidence_store(bucket.url)


class TestS3EvidenceStore(EvidenceStoreContract):
    @pytest.fixture
    def backstage(self, bucket: Bucket) -> Bucket:
        return bucket

    @pytest.fixture
    def store(self, store: ErasableEvidenceStore) -> ErasableEvidenceStore:
        return store


def test_an_object_keeps_its_first_media_type(store: EvidenceStore, bucket: Bucket) -> None:
    ref = put(store)
    store.put(b"picture", media_type="image/png", captured_at=NOON)

    assert bucket.media_type(ref) == "image/jpeg"


def test_with_a_spool_pictures_wait_on_this_disk_until_they_are_forwarded(
    bucket: Bucket, tmp_path: Path
) -> None:
    spool = Folder(tmp_path / "spool")
    store = open_evidence_store(bucket.url, spool_dir=spool.folder)
    ref = put(store)
    assert (spool.names(), bucket.names()) == ([ref.sha256], [])

    store.forward([ref])
    store.forward([ref])

    assert (spool.names(), bucket.names()) == ([], [ref.sha256])
    assert store.get(ref) == b"picture"
    assert bucket.media_type(ref) == "image/jpeg"
    with pytest.raises(PermanentError, match="none in the remote store"):
        store.forward([LOST])


def test_with_a_spool_no_server_is_needed_to_keep_a_picture(tmp_path: Path) -> None:
    store = open_evidence_store(NOBODY, spool_dir=tmp_path / "spool")
    ref = put(store)

    assert store.get(ref) == b"picture"
    with pytest.raises(RetryableError, match="check the network"):
        store.forward([ref])


def test_a_server_that_does_not_answer_may_answer_later() -> None:
    store = open_evidence_store(NOBODY)

    with pytest.raises(
        EvidenceStoreUnavailableError, match=r"s3://evidence at http://127.0.0.1:1: .*endpoint"
    ):
        put(store)
    with pytest.raises(EvidenceStoreUnavailableError):
        store.get(LOST)


def test_nothing_is_deleted_while_the_server_does_not_answer_or_let_us(
    talker: "Talker", talkers_store: ErasableEvidenceStore
) -> None:
    with pytest.raises(EvidenceStoreUnavailableError, match="check the network"):
        open_evidence_store(NOBODY).delete(LOST.sha256)

    talker.says(403, an_error("AccessDenied"))
    with pytest.raises(EvidenceStoreError, match="who purges needs s3:DeleteObject"):
        talkers_store.delete(LOST.sha256)


def test_a_missing_bucket_is_no_missing_picture(s3_endpoint: str, tmp_path: Path) -> None:
    url = f"s3://no-such-bucket?endpoint={s3_endpoint}"
    store, spooled = open_evidence_store(url), open_evidence_store(url, spool_dir=tmp_path)
    told = "s3://no-such-bucket at .*NoSuchBucket: .*make the bucket"

    with pytest.raises(EvidenceStoreError, match=told):
        put(store)
    with pytest.raises(EvidenceStoreError, match=told):
        store.get(LOST)
    with pytest.raises(EvidenceStoreError, match=told):
        spooled.forward([LOST])


class Talker(ThreadingHTTPServer):
    """A server that says the same to everybody; `length` is how much it announces."""

    status, body, length = 200, "", 0

    def says(self, status: int, body: str, *, length: int | None = None) -> None:
        self.status, self.body, self.length = status, body, len(body) if length is None else length


class TalkerHandler(BaseHTTPRequestHandler):
    server: Talker
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(self.server.body.encode())

    def do_PUT(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def talker() -> Iterator[Talker]:
    with Talker(("127.0.0.1", 0), TalkerHandler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def talkers_store(talker: Talker, environment: None) -> ErasableEvidenceStore:
    return open_evidence_store(f"s3://evidence?endpoint=http://127.0.0.1:{talker.server_port}")


def an_error(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>words of the server</Message></Error>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (503, an_error("SlowDown"), EvidenceStoreUnavailableError, "SlowDown: words of the"),
        (502, "<html>", EvidenceStoreUnavailableError, "s3://evidence at"),
        (429, an_error("TooManyRequests"), EvidenceStoreUnavailableError, "TooManyRequests"),
        (409, an_error("ConditionalRequestConflict"), EvidenceStoreUnavailableError, "Conflict"),
        (400, an_error("BadDigest"), EvidenceStoreUnavailableError, "BadDigest"),
        (403, an_error("AccessDenied"), EvidenceStoreError, "AccessDenied: .*allow s3:PutObject"),
        (403, an_error("InvalidAccessKeyId"), EvidenceStoreError, "boto3 takes credentials from"),
        (403, an_error("SignatureDoesNotMatch"), EvidenceStoreError, "takes credentials from"),
        (400, an_error("ExpiredToken"), EvidenceStoreError, "takes credentials from"),
        (403, an_error("RequestTimeTooSkewed"), EvidenceStoreError, "set this machine's clock"),
        (501, an_error("NotImplemented"), EvidenceStoreError, "must know If-None-Match"),
        (404, "<html>", EvidenceStoreError, "ask who runs the store"),
    ],
)
def test_what_the_server_refuses_is_told_with_its_remedy(
    talker: Talker,
    talkers_store: EvidenceStore,
    status: int,
    body: str,
    kind: type[Exception],
    words: str,
) -> None:
    talker.says(status, body)

    with pytest.raises(kind, match=words):
        put(talkers_store)


def test_an_answer_that_breaks_off_may_be_whole_later(
    talker: Talker, talkers_store: EvidenceStore
) -> None:
    talker.says(200, "pict", length=7)

    with pytest.raises(EvidenceStoreUnavailableError, match="check the network"):
        talkers_store.get(LOST)


@pytest.mark.parametrize(
    ("url", "address", "told"),
    [
        (
            "s3://evidence",
            S3Address(bucket="evidence", prefix="", endpoint=None, region=None),
            "s3://evidence",
        ),
        (
            "s3://city.evidence/east/1/?endpoint=https://[::1]:9000&region=eu-central-1",
            S3Address(
                bucket="city.evidence",
                prefix="east/1",
                endpoint="https://[::1]:9000",
                region="eu-central-1",
            ),
            "s3://city.evidence/east/1 at https://[::1]:9000",
        ),
    ],
)
def test_an_address_is_read(url: str, address: S3Address, told: str) -> None:
    assert S3Address.parse(url) == address
    assert str(address) == told


def test_without_a_prefix_an_object_is_named_by_its_hash_alone() -> None:
    assert S3Address.parse("s3://evidence").key(LOST) == f"00/{'0' * 64}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://", "use s3://BUCKET"),
        ("s3://127.0.0.1:9000/evidence", "the server stands in endpoint"),
        ("s3://Evidence", "small letters"),
        ("s3://evidence#east", "use s3://BUCKET"),
        ("s3://evidence?endpoint=10.0.0.1:9000", "endpoint: use .*http"),
        ("s3://evidence?endpoint=http://store/evidence", "endpoint: use .*http"),
        ("s3://evidence?region=", "region: use .*NAME"),
        ("s3://evidence?acl=public", "option 'acl' has no meaning here; known: endpoint, region"),
    ],
)
def test_an_address_of_another_form_is_refused(url: str, words: str) -> None:
    with pytest.raises(EvidenceStoreError, match=words):
        open_evidence_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://me:hunter2@evidence",
        "s3://me:hunt/er2@evidence",
        "s3://me:hunter2%40evidence",
        "s3://me:hunter2/evidence",
        "s3://evidence?endpoint=https://me:hunter2@store",
        "s3://evidence?endpoint=me:hunter2",
        "s3://evidence?secret=hunter2",
    ],
)
def test_no_secret_belongs_in_an_address_and_none_is_repeated(url: str) -> None:
    with pytest.raises(EvidenceStoreError) as refused:
        open_evidence_store(url)

    assert "me:" not in str(refused.value)
    assert "hunt" not in str(refused.value)


def test_without_credentials_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(EvidenceStoreError, match="takes credentials from AWS_ACCESS_KEY_ID"):
        open_evidence_store(NOBODY)


def test_an_unknown_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(EvidenceStoreError, match=r"profile \(nobody\)"):
        open_evidence_store(NOBODY)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "pipeline.evidence.s3")

    with pytest.raises(
        EvidenceStoreError, match=r"boto3 is missing: pip install 'remindfirst\[s3\]'"
    ):
        open_evidence_store(NOBODY)
