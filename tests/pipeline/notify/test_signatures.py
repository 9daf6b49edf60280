"""The signatures, by the worked examples that their makers published."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from pipeline.clock import ManualClock
from pipeline.notify import Callback, UnreadableCallbackError
from pipeline.notify.aliyun import AliyunAccount
from pipeline.notify.signed_body import BodySigner
from pipeline.notify.tencent import TencentAccount
from tests.builders import NOON, seconds


def test_alibaba_clouds_worked_example_of_version_3() -> None:
    """Source: Alibaba Cloud, "V3版本请求体&签名机制", fixed-parameter example."""
    account = AliyunAccount(
        host="ecs.cn-shanghai.aliyuncs.com",
        version="2014-05-26",
        key_id="YourAccessKeyId",
        secret=SecretStr("YourAccessKeySecret"),
    )
    parameters = {
        "RegionId": "cn-shanghai",
        "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
    }

    request = account.sign(
        "RunInstances",
        parameters,
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )

    assert request.headers["authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_tencent_clouds_worked_example_of_version_3() -> None:
    """Source: Tencent Cloud, "签名方法 v3"; its example's key is 32 asterisks, literally."""
    account = TencentAccount(
        host="cvm.tencentcloudapi.com",
        version="2017-03-12",
        region="ap-guangzhou",
        secret_id="AKID" + "*" * 32,
        secret=SecretStr("*" * 32),
    )
    body = (
        rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    )

    headers = account.sign("DescribeInstances", body, at=datetime.fromtimestamp(1551113065, UTC))

    assert headers["Authorization"] == (
        "TC3-HMAC-SHA256 Credential=AKID********************************/2019-02-25/cvm/"
        "tc3_request, SignedHeaders=content-type;host;x-tc-action, "
        "Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )
    assert headers["X-TC-Timestamp"] == "1551113065"


@pytest.fixture
def signer(clock: ManualClock) -> BodySigner:
    return BodySigner(
        channel="channel sms+https gateway.example",
        secret=SecretStr("made-up-secret"),
        clock=clock,
        window=timedelta(minutes=5),
    )


def _callback(signer: BodySigner, body: str = "[]") -> Callback:
    headers = {name.lower(): value for name, value in signer.headers(body.encode()).items()}
    return Callback(body=body, headers=headers)


def test_our_own_signature_is_an_hmac_of_the_instant_and_the_body(signer: BodySigner) -> None:
    headers = signer.headers("车".encode())

    at = str(int(NOON.timestamp()))
    expected = hmac.new(b"made-up-secret", f"{at}.车".encode(), hashlib.sha256).hexdigest()
    assert headers == {"X-RemindFirst-Timestamp": at, "X-RemindFirst-Signature": expected}


@pytest.mark.parametrize("passed_s", [-299, 0, 299])
def test_a_signed_call_back_is_ours_within_its_window(
    signer: BodySigner, clock: ManualClock, passed_s: int
) -> None:
    callback = _callback(signer)
    clock.advance(seconds(passed_s))

    signer.check(callback)


@pytest.mark.parametrize("passed_s", [-301, 301, 86400])
def test_a_call_back_that_is_played_again_later_is_refused(
    signer: BodySigner, clock: ManualClock, passed_s: int
) -> None:
    callback = _callback(signer)
    clock.advance(seconds(passed_s))

    with pytest.raises(UnreadableCallbackError, match="another time"):
        signer.check(callback)


def test_an_old_call_back_does_not_become_new_by_another_instant(
    signer: BodySigner, clock: ManualClock
) -> None:
    old = _callback(signer)
    clock.advance(timedelta(hours=1))
    renewed = {**old.headers, "x-remindfirst-timestamp": str(int(clock.now().timestamp()))}

    with pytest.raises(UnreadableCallbackError, match="signature"):
        signer.check(Callback(body=old.body, headers=renewed))


@pytest.mark.parametrize("at", ["", "soon", "-1", "9" * 30, "1e9", "٣"])
def test_an_instant_that_is_no_number_is_refused(signer: BodySigner, at: str) -> None:
    signed = hmac.new(b"made-up-secret", f"{at}.[]".encode(), hashlib.sha256).hexdigest()
    headers = {"x-remindfirst-timestamp": at, "x-remindfirst-signature": signed}

    with pytest.raises(UnreadableCallbackError):
        signer.check(Callback(body="[]", headers=headers))


def test_a_changed_body_is_refused(signer: BodySigner) -> None:
    callback = _callback(signer)

    with pytest.raises(UnreadableCallbackError, match="signature"):
        signer.check(Callback(body="[ ]", headers=callback.headers))


def test_a_call_back_without_a_signature_is_refused(signer: BodySigner) -> None:
    with pytest.raises(UnreadableCallbackError, match="signature"):
        signer.check(Callback(body="[]"))
