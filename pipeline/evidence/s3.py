"""Evidence in a bucket of an S3-compatible object store, through boto3, imported nowhere else."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from pipeline.events.evidence import EvidenceRef
from pipeline.evidence.store import (
    EvidenceMissingError,
    EvidenceStoreError,
    EvidenceStoreUnavailableError,
    reference_to,
    verified,
)

__all__ = ["S3Address", "S3EvidenceStore"]

_FORM = "s3://BUCKET[/PREFIX][?endpoint=http(s)://HOST:PORT&region=NAME]"
_ADDRESS = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>[^?#]*))?(\?(?P<options>[^#]*))?"
)
_OPTIONS = {
    "endpoint": re.compile(r"https?://(\[[0-9a-f:]+\]|[\w.-]+)(:\d+)?/?"),
    "region": re.compile(r"[a-z0-9-]+"),
}
_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 2},
    # Every file has its SHA-256; other checksums are not known to every server.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)

_PASSING_STATUS = {408, 409, 429}
_PASSING_CODES = {"BadDigest", "IncompleteBody", "RequestTimeout", "Throttling"}
_CREDENTIALS = (
    "boto3 takes credentials from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or the "
    "machine's role"
)
_FIXES = {
    "AccessDenied": "allow s3:PutObject and s3:GetObject, and s3:ListBucket: without it a missing "
    "object, too, is told as denied; who purges needs s3:DeleteObject",
    "AuthorizationHeaderMalformed": "correct ?region=NAME",
    "ExpiredToken": _CREDENTIALS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "NoSuchBucket": "make the bucket or correct its name",
    "NotImplemented": "evidence is written once, so this store must know If-None-Match: *",
    "RequestTimeTooSkewed": "set this machine's clock",
    "SignatureDoesNotMatch": _CREDENTIALS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Address:
    """A bucket and our place in it.

    Attributes:
        bucket: The bucket's name.
        prefix: What all names of objects begin with, without a slash at its ends; may be empty.
        endpoint: The server; None is for boto3 to know.
        region: The region; None is for boto3 to know.
    """

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None

    def __str__(self) -> str:
        """The address in messages."""
        place = "/".join(part for part in (f"s3://{self.bucket}", self.prefix) if part)
        return f"{place} at {self.endpoint}" if self.endpoint else place

    def key(self, ref: EvidenceRef) -> str:
        """The name of the object behind `ref`."""
        return self.key_of(ref.sha256)

    def key_of(self, sha256: str) -> str:
        """The name of the object with this hash."""
        return "/".join(part for part in (self.prefix, sha256[:2], sha256) if part)

    @classmethod
    def parse(cls, url: str) -> "S3Address":
        """Read `s3://BUCKET[/PREFIX][?endpoint=http(s)://HOST:PORT&region=NAME]`.

        Raises:
            EvidenceStoreError: another form, an unknown option, or credentials in the URL. What may
                be a secret is never repeated.
        """
        if "@" in unquote(url):
            raise EvidenceStoreError(
                f"evidence store s3://...: no credentials in a URL; {_CREDENTIALS}"
            )
        found = _ADDRESS.fullmatch(url)
        if found is None:
            raise EvidenceStoreError(
                f"evidence store s3://...: use {_FORM}; a bucket's name has 3 to 63 small letters, "
                "digits, dots and hyphens, and the server stands in endpoint"
            )
        bucket, options = found["bucket"], found["options"] or ""
        given = dict(parse_qsl(options, keep_blank_values=True))
        for name, value in given.items():
            if name not in _OPTIONS:
                raise EvidenceStoreError(
                    f"evidence store s3://{bucket}: option {name!r} has no meaning here; "
                    f"known: {', '.join(_OPTIONS)}"
                )
            if not _OPTIONS[name].fullmatch(value):
                raise EvidenceStoreError(f"evidence store s3://{bucket}: {name}: use {_FORM}")
        return cls(
            bucket=bucket,
            prefix=(found["prefix"] or "").strip("/"),
            endpoint=given.get("endpoint"),
            region=given.get("region"),
        )


class S3EvidenceStore:
    """Objects named by their hash, each written once; see `EvidenceStore`. Threads may share it."""

    def __init__(self, address: S3Address) -> None:
        """Find the credentials; the server need not answer yet.

        Raises:
            EvidenceStoreError: there are no credentials, or boto3's own settings are wrong.
        """
        self._address = address
        with _translated(address):
            session = boto3.Session(region_name=address.region)
            if session.get_credentials() is None:
                raise NoCredentialsError
            self._client = session.client("s3", endpoint_url=address.endpoint, config=_CONFIG)

    def put(
        self,
        content: bytes,
        *,
        media_type: str,
        captured_at: datetime,
        derived_from: EvidenceRef | None = None,
    ) -> EvidenceRef:
        """Store `content` and return its reference; see `EvidenceStore.put`."""
        ref = reference_to(
            content, media_type=media_type, captured_at=captured_at, derived_from=derived_from
        )
        with _translated(self._address):
            try:
                self._client.put_object(
                    **self._object(ref),
                    Body=content,
                    ContentType=media_type,
                    # The server refuses what changed on the way, and what it has already.
                    ChecksumSHA256=b64encode(bytes.fromhex(ref.sha256)).decode(),
                    IfNoneMatch="*",
                )
            except ClientError as exc:
                if exc.response["Error"]["Code"] != "PreconditionFailed":
                    raise
        return ref

    def get(self, ref: EvidenceRef) -> bytes:
        """The bytes behind `ref`; see `EvidenceStore.get`."""
        place = f"s3://{self._address.bucket}/{self._address.key(ref)}"
        with _translated(self._address):
            try:
                content = self._client.get_object(**self._object(ref))["Body"].read()
            except self._client.exceptions.NoSuchKey as exc:
                raise EvidenceMissingError(
                    f"evidence {ref.sha256}: No such object ({place})"
                ) from exc
        return verified(ref, content, place=place)

    def forward(self, refs: Iterable[EvidenceRef]) -> None:
        """Nothing to do: everybody reads this bucket; see `EvidenceStore.forward`."""

    def delete(self, sha256: str) -> None:
        """Delete the object, if it is there; see `ErasableEvidenceStore`."""
        with _translated(self._address):
            self._client.delete_object(
                Bucket=self._address.bucket, Key=self._address.key_of(sha256)
            )

    def holds(self, ref: EvidenceRef) -> bool:
        """Whether the object is there; see `RemoteEvidenceStore.holds`."""
        with _translated(self._address):
            try:
                # A HEAD would not tell a missing object from a missing bucket.
                self._client.get_object(**self._object(ref), Range="bytes=0-0")["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return False
        return True

    def _object(self, ref: EvidenceRef) -> dict[str, str]:
        return {"Bucket": self._address.bucket, "Key": self._address.key(ref)}


@contextmanager
def _translated(address: S3Address) -> Iterator[None]:
    """Say in our words what boto3 says in its own.

    Raises:
        EvidenceStoreUnavailableError: it may pass.
        EvidenceStoreError: it does not pass by itself.
    """
    where = f"evidence store {address}"
    try:
        yield
    except ClientError as exc:
        error, status = exc.response["Error"], exc.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error["Code"]
        told = f"{where}: {code}: {error.get('Message', '')}"
        is_theirs = status >= 500 and code != "NotImplemented"
        if is_theirs or status in _PASSING_STATUS or code in _PASSING_CODES:
            raise EvidenceStoreUnavailableError(told) from exc
        raise EvidenceStoreError(f"{told}; {_FIXES.get(code, 'ask who runs the store')}") from exc
    except (NoConnectionError, HTTPClientError, IncompleteReadError) as exc:
        raise EvidenceStoreUnavailableError(
            f"{where}: {exc}; check the network, the server and the endpoint"
        ) from exc
    except BotoCoreError as exc:
        raise EvidenceStoreError(f"{where}: {exc}; {_CREDENTIALS}") from exc
