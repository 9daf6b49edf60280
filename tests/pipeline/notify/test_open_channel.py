"""Channels are opened by URL; what is wrong with one is said, and no secret is repeated."""

import sys
from pathlib import Path

import pytest

from pipeline.clock import ManualClock
from pipeline.errors import PermanentError
from pipeline.notify import Channel, open_channel
from tests.pipeline.notify.providers import a_file, with_secrets

SMS = "sms+aliyun://LTAI@dysmsapi.aliyuncs.com?{secret}&sign_name=x&template.reminder=SMS_1"
TENCENT = (
    "sms+tencent://AKID@sms.tencentcloudapi.com?{secret}&app_id=1400006666&sign_name=x"
    "&template.reminder=1110&fields.reminder=plate"
)
VOICE = (
    "voice+tencent://AKID@vms.tencentcloudapi.com?{secret}&{token}&app_id=1400006666"
    "&template.reminder=1110&fields.reminder="
)

CALL = (
    "voice+aliyun://LTAI@dyvmsapi.aliyuncs.com?{secret}&{token}&template.reminder=TTS_1"
    "&show_number=057100000000&play_times=3&key.1=moving"
)


def _open(folder: Path, clock: ManualClock, url: str) -> Channel:
    return open_channel(with_secrets(folder, url), clock=clock)


@pytest.mark.parametrize(
    ("url", "kind", "is_repeatable"),
    [
        ("sms+https://gateway.example/v1/messages?{secret}", "sms", False),
        ("voice+https://gateway.example:8443/calls?{secret}&knows_keys=true", "voice", True),
        ("push+https://app.example/hook?{secret}&knows_keys=false", "push", False),
        ("sms+http://127.0.0.1:8080/messages?{secret}", "sms", False),
        ("sms+http://[::1]:8080/messages?{secret}", "sms", False),
        (SMS, "sms", False),
        (TENCENT, "sms", False),
        (CALL, "voice", False),
        (VOICE, "voice", False),
    ],
)
def test_each_kind_is_opened_by_its_scheme(
    tmp_path: Path, clock: ManualClock, url: str, kind: str, is_repeatable: bool
) -> None:
    channel = _open(tmp_path, clock, url)

    assert (channel.name, channel.is_repeatable) == (kind, is_repeatable)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("smoke:signals", "use phones:FOLDER"),
        ("sms+gopher://x", "one of push.http, push.https"),
        ("phones:", "use phones:FOLDER"),
        ("sms+https://gateway.example/", r"needs \?secret_file"),
        ("sms+https://gateway.example/?secret_file=", r"needs \?secret_file"),
        ("sms+https:///path?{secret}", "use sms.https://HOST"),
        ("sms+https://gateway.example/?{secret}&tempo=2", "option 'tempo' has no meaning"),
        ("sms+https://gateway.example/?{secret}&knows_keys=yes", "use true or false"),
        ("sms+https://gateway.example/?{secret}&callback_window_s=0", "give a number"),
        ("sms+http://gateway.example/?{secret}", "without TLS only on this machine"),
        ("sms+https://gateway.example/?{secret}#top", "use sms.https://HOST"),
        ("sms+aliyun://dysmsapi.aliyuncs.com?{secret}&sign_name=x", "use sms.aliyun://ACCESS"),
        ("sms+aliyun://L@h.example?{secret}&template.reminder=1", r"needs \?sign_name"),
        ("sms+aliyun://L@h.example?{secret}&sign_name=x", r"needs \?template.reminder"),
        (TENCENT.replace("&fields.reminder=plate", ""), r"needs \?fields.reminder"),
        (VOICE.replace("&{token}", ""), r"needs \?callback_token_file"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, clock: ManualClock, url: str, said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        _open(tmp_path, clock, url)


@pytest.mark.parametrize(
    "url",
    [
        "sms+https://me:hunter2@gateway.example/?{secret}",
        "sms+https://hunter2@gateway.example/?{secret}",
        "sms+aliyun://LTAI:hunter2@dysmsapi.aliyuncs.com?{secret}",
        "sms+https://gateway.example/?{secret}&password=hunter2",
        "sms+https://gateway.example/?{secret}&callback_window_s=hunter2",
        "sms+https://gateway.example/?{secret}#hunter2",
    ],
)
def test_what_may_be_a_secret_in_a_url_is_refused_and_not_repeated(
    tmp_path: Path, clock: ManualClock, url: str
) -> None:
    with pytest.raises(PermanentError) as refused:
        _open(tmp_path, clock, url)

    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, clock: ManualClock) -> None:
    url = f"sms+https://gateway.example/?secret_file={tmp_path}/nowhere"

    with pytest.raises(PermanentError, match=r"secret_file .*/nowhere: No such file"):
        open_channel(url, clock=clock)


@pytest.mark.parametrize(("content", "said"), [(b" \n", "nothing is in it"), (b"\xff", "no")])
def test_a_file_without_a_secret_is_named(
    tmp_path: Path, clock: ManualClock, content: bytes, said: str
) -> None:
    file = a_file(tmp_path, "secret", "")
    file.write_bytes(content)

    with pytest.raises(PermanentError, match=f"secret_file .*/secret: {said}"):
        open_channel(f"sms+https://gateway.example/?secret_file={file}", clock=clock)


def test_a_missing_extra_is_said(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pywebpush", None)
    monkeypatch.delitem(sys.modules, "pipeline.notify.web_push", raising=False)

    with pytest.raises(PermanentError, match=r"remindfirst\[push\]"):
        open_channel(f"push+webpush:?vapid_key_file={tmp_path}/k&contact=mailto:a@b", clock=clock)
