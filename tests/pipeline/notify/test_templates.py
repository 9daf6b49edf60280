import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notify.templates import SHIPPED, TextsError, load_texts, read_texts
from pipeline.notify.wording import (
    Agency,
    FactsError,
    Kind,
    Language,
    NoticeFacts,
    NoticeTemplate,
    NoticeText,
    ReminderFacts,
    ReminderTemplate,
    ReminderText,
    TipFacts,
    WrongDocumentError,
    notice_only,
    reminder_only,
    sms_segments,
    spoken_s,
)
from pipeline.policy.entries import ChannelKind

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 4, 10, tzinfo=UTC)
SMS, VOICE = ChannelKind.SMS, ChannelKind.VOICE
TEXTS = load_texts()
MAX_SEGMENTS = {template.id: template.max_segments for template in TEXTS.shipped}

REMINDER = ReminderFacts(
    agency=Agency(name="江城交警", phone="12123"),
    plate="鄂A12345",
    place="江滩北门",
    reference="4f2a9c01",
    now=NOW,
    zone=SHANGHAI,
    since=NOW - timedelta(minutes=10),
    grace=timedelta(minutes=10),
)
TIP = TipFacts(
    agency=Agency(name="江城交警", phone="12123"),
    plate="鄂A12345",
    place="江滩北门",
    reference="4f2a9c01",
    now=NOW,
    zone=SHANGHAI,
    left_at=NOW,
)
NOTICE = NoticeFacts(
    agency=Agency(name="江城交警", phone="12123"),
    plate="鄂A12345",
    place="江滩北门",
    reference="420100-1234567890",
    now=NOW,
    zone=SHANGHAI,
    act_code="1039",
    act_wording="违反规定停放机动车",
    recorded_at=NOW - timedelta(days=3),
    unit="江城交警一大队",
    deadline_days=30,
)


ENGLISH = Agency(name="Jiangcheng Police", phone="12123", language="en")

ZH_SMS = """
【{agency}】您好，您的车辆{plate}自{since}起停在{place}。请在{grace}内驶离。
这是提醒，不是处罚。请致电{phone}，编号{reference}。
"""
EN_SMS = """
[{agency}] Hello, your vehicle {plate} has stood at {place} since {since}.
Please move it within {grace}. This is not a penalty. Call {phone}, reference {reference}.
"""
ZH_VOICE = """
您好，{agency}提醒您，车辆{plate}自{since}起停在{place}。请在{grace}内驶离。这是提醒，不是处罚。
请致电{phone}，编号{reference}。重听请按1，马上驶离请按2，不是您的车辆请按9。
"""
EN_VOICE = """
Hello, this is {agency}. Your vehicle {plate} has stood at {place} since {since}.
Please move it within {grace}. This is not a penalty. Call {phone}, reference {reference}.
Press 1 to repeat, 2 to say you are moving, 9 if it is not your vehicle.
"""
ZH_TIP = """
【{agency}】您好，您的车辆{plate}已于{left_at}驶离{place}，感谢您的配合。
咨询：{phone}，编号{reference}。
"""
ZH_NOTICE = """
【{agency}】您的车辆{plate}于{recorded_at}在{place}，因“{act_wording}”被交通技术监控设备记录。
请于{deadline_days}日内到{unit}接受处理。您有陈述、申辩的权利，异议可向{unit}提出。
电话{phone}，编号{reference}。
"""
EN_NOTICE = """
[{agency}] Your vehicle {plate} was recorded by technical monitoring equipment at {recorded_at},
{place}: {act_wording}. Please have it handled within {deadline_days} days at {unit}.
You have the right to state your case and to defend yourself; objections go to {unit}.
Phone {phone}, reference {reference}.
"""
SAMPLES = {
    "zh sms": (Kind.REMINDER, SMS, Language.ZH_CN, ZH_SMS),
    "en sms": (Kind.REMINDER, SMS, Language.EN, EN_SMS),
    "zh voice": (Kind.REMINDER, VOICE, Language.ZH_CN, ZH_VOICE),
    "en voice": (Kind.REMINDER, VOICE, Language.EN, EN_VOICE),
    "zh tip": (Kind.TIP, SMS, Language.ZH_CN, ZH_TIP),
    "zh notice": (Kind.NOTICE, SMS, Language.ZH_CN, ZH_NOTICE),
    "en notice": (Kind.NOTICE, SMS, Language.EN, EN_NOTICE),
}


def an_entry(channel: ChannelKind, text: str, more: str = "") -> str:
    segments = "max_segments = 10\n" if channel is SMS and "max_segments" not in more else ""
    return (
        f'[[template]]\nid = "ours"\nchannel = "{channel}"\nversion = 1\nauthor = "Li"\n'
        f'valid_from = 2026-01-01\n{segments}{more}text = """{text}"""\n'
    )


def a_file(folder: Path, kind: Kind, language: Language, *entries: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{kind}.{language}.toml"
    head = f'kind = "{kind}"\nlanguage = "{language}"\n'
    file.write_text(head + "\n".join(entries), encoding="utf-8")
    return folder


def a_folder(folder: Path, sample: str, old: str = "", new: str = "") -> Path:
    kind, channel, language, text = SAMPLES[sample]
    assert old in text
    return a_file(
        folder, kind, language, an_entry(channel, text.replace(old, new) if old else text)
    )


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_good_wording_has_no_findings(tmp_path: Path, sample: str) -> None:
    assert read_texts(a_folder(tmp_path, sample))[1] == ()


BAD = [
    ("zh sms", "{place}", "{street}", "text, {street}: no field of a reminder; use one of: agency"),
    ("zh sms", "{grace}", "{unit}", "text, {unit}: no field of a reminder"),
    ("zh sms", "{place}", "{}", "text, {}: no field of a reminder"),
    ("zh sms", "{place}", "{0}", "text, {0}: no field"),
    ("zh sms", "{place}", "{place!r}", "text, {place!r}: no field"),
    ("zh sms", "{place}", "{place:>99}", "text, {place:>99}: no field"),
    ("zh sms", "{place}", "{agency.phone}", "text, {agency.phone}: no field"),
    ("zh sms", "{place}", "{place", "a brace without its partner; write a field as {place}"),
    ("zh sms", "{place}", "{{place}}", "a doubled brace; braces are for fields alone"),
    ("zh sms", "{place}", "路边", "the field {place} is missing; the driver must read where"),
    ("zh sms", "{since}", "中午", "the field {since} is missing"),
    ("zh sms", "{grace}", "十分钟", "the field {grace} is missing"),
    ("zh sms", "{agency}", "交警", "the field {agency} is missing"),
    ("zh sms", "{phone}", "我们", "the field {phone} is missing; the driver must read whom to ask"),
    ("zh sms", "{reference}", "无", "the field {reference} is missing"),
    ("zh sms", "驶离", "处理", "it does not say what to do; say one of:"),
    ("zh sms", "，不是处罚", "", "it does not say what a reminder is not"),
    (
        "zh sms",
        "您好，",
        "",
        "text, beginning: it does not say a polite opening; begin with one of",
    ),
    (
        "zh sms",
        "请致电",
        "罚款200元，请致电",
        'text, near "提醒,不是处罚。罚款200元,请致电": "罚款"',
    ),
    ("zh sms", "请致电", "罚 款，请致电", '"罚 款" must not be said'),
    ("zh sms", "请致电", "会扣分，请致电", "a reminder knows no points; leave it out"),
    (
        "zh sms",
        "请致电",
        "也会处罚，请致电",
        '"处罚" must not be said: a reminder knows no',
    ),
    (
        "zh sms",
        "请致电",
        "违停记录，请致电",
        '"记录" must not be said: a reminder leaves no',
    ),
    ("zh sms", "请致电", "违停，请致电", "nothing is proven when a reminder goes out"),
    ("zh sms", "请致电", "否则请致电", '"否则" must not be said: it threatens'),
    ("zh sms", "请致电", "将拖车，请致电", '"拖车" must not be said'),
    ("zh sms", "请致电", "立即缴，请致电", '"立即缴" must not be said'),
    ("zh sms", "请致电", "FINE，请致电", '"FINE" must not be said'),
    ("zh sms", "。请致电", "！请致电", 'the mark "！"; be calm'),
    ("zh sms", "请致电", "详见t.cn/Ab1，请致电", '"t.cn" shortens links'),
    ("zh sms", "请致电", "详见ｂｉｔ．ｌｙ，请致电", '"bit.ly" shortens links'),
    ("zh sms", "请致电", "请\u200b致电", "the invisible character U+200B; remove it"),
    (
        "zh sms",
        "请致电",
        "请您" + "慢" * 60 + "请致电",
        "characters with ordinary values, at most 120",
    ),
    ("en sms", "Call", "A fine follows. Call", '"fine" must not be said'),
    ("en sms", "Call", "You get points. Call", "a reminder knows no points"),
    ("en sms", "Call", "It will be penalised. Call", '"penalised" must not be said'),
    (
        "en sms",
        "Call",
        "It will  be noted. Call",
        '"will be" must not be said: it threatens',
    ),
    ("en sms", "Call", "This is recorded. Call", "a reminder leaves no record"),
    ("en sms", "Call", "It may be towed. Call", '"towed" must not be said'),
    ("en sms", "Call", "Pay today. Call", '"Pay" must not be said'),
    ("en sms", "Call", "This is a Warning. Call", "a warning is a formal penalty in law"),
    ("en sms", "not a penalty", "a penalty", '"penalty" must not be said'),
    ("en sms", "Call", "PLEASE call", '"PLEASE" is all in capitals; write it in small letters'),
    ("en sms", "Call", "Thank you! Call", 'the mark "!"'),
    ("en sms", "Hello, your", "Your", "it does not say a polite opening"),
    ("en sms", "move it", "note it", "it does not say what to do"),
    (
        "en sms",
        "Call",
        "Please " + "do " * 60 + "call",
        "characters with ordinary values, at most 320",
    ),
    ("zh voice", "重听请按1，", "", "it does not say key 1 of a call repeats it"),
    ("zh voice", "按2", "按3", "it does not say key 2 of a call says that the driver is moving"),
    ("zh voice", "不是您的车辆请按9", "再见", "key 9 of a call"),
    ("zh voice", "请致电", "慢" * 80 + "请致电", "s, at most 40 s; say it in fewer words"),
    ("en voice", "Press 1 to repeat, ", "Press ", "key 1 of a call"),
    ("en voice", "2 to say", "3 to say", "key 2 of a call"),
    ("en voice", "9 if it is not", "8 if it is not", "key 9 of a call"),
    ("en voice", "Call", "do " * 40 + "call", "s, at most 40 s"),
    ("zh tip", "，感谢您的配合", "", "it does not say thanks to a driver who moved"),
    ("zh tip", "{left_at}", "刚才", "the field {left_at} is missing"),
    ("zh tip", "咨询", "下次罚款，咨询", '"罚款" must not be said'),
    ("zh notice", "{act_wording}", "停车", "the field {act_wording} is missing"),
    ("zh notice", "{unit}", "大队", "the field {unit} is missing"),
    ("zh notice", "{recorded_at}", "昨日", "the field {recorded_at} is missing"),
    ("zh notice", "被交通技术监控设备记录", "被记录", "it does not say how it was recorded"),
    ("zh notice", "陈述、申辩", "说明", "it does not say the rights to state and to defend"),
    ("zh notice", "异议", "意见", "it does not say where to object"),
    ("zh notice", "{deadline_days}日内", "{deadline_days}小时内", "it does not say by when"),
    ("zh notice", "电话", "这是提醒。电话", "a notice tells of a record; it must not pass for a"),
    ("en notice", "Phone", "This is not a penalty. Phone", '"not a penalty" must not'),
    ("en notice", "defend yourself", "pay", "the rights to state and to defend"),
    ("en notice", "objections", "letters", "it does not say where to object"),
]


@pytest.mark.parametrize(("sample", "old", "new", "finding"), BAD)
def test_a_bad_wording_is_refused_with_its_finding(
    tmp_path: Path, sample: str, old: str, new: str, finding: str
) -> None:
    folder = a_folder(tmp_path, sample, old, new)
    with pytest.raises(TextsError) as refused:
        load_texts(folder)

    (file,) = folder.iterdir()
    lines = str(refused.value).splitlines()
    assert all(line.startswith(f"{file.name}: template ours: ") for line in lines)
    assert any(finding in line for line in lines), lines


FILES = [
    ("text = ", "test = ", "template ours: test: Extra inputs are not permitted; remove it"),
    ("version = 1", "version = 0", "template ours: version: Input should be greater than"),
    ('author = "Li"\n', "", "template ours: author: Field required; add it"),
    ("2026-01-01", '"soon"', "template ours: valid_from: "),
    ('id = "ours"\n', "", "template number 1: id: Field required"),
    ('id = "ours"', 'id = "Our text"', "template Our text: id: String should match"),
    ('channel = "sms"', 'channel = "fax"', "template ours: channel: Input should be"),
    ("max_segments = 10\n", "", "template ours: an sms needs max_segments; add it"),
    ("max_segments = 10", "max_segments = 2", "max_segments: the longest text takes 3 messages"),
    ('channel = "sms"', 'channel = "push"', "max_segments is for an sms alone; remove it"),
    ('kind = "reminder"', 'kind = "fine"', "reminder.zh-CN.toml: kind: Input should be"),
    ('language = "zh-CN"', 'language = "fr"', "reminder.zh-CN.toml: language: Input should be"),
    ("[[template]]", "[[templates]]", "reminder.zh-CN.toml: templates: Extra inputs"),
    ("[[template]]", "[template]", "reminder.zh-CN.toml: no [[template]] in it; add one"),
    ("[[template]]", "[[template", "reminder.zh-CN.toml: cannot be read: Expected"),
]


@pytest.mark.parametrize(("old", "new", "finding"), FILES)
def test_a_file_that_is_not_of_the_form_is_refused(
    tmp_path: Path, old: str, new: str, finding: str
) -> None:
    file = a_folder(tmp_path, "zh sms") / "reminder.zh-CN.toml"
    good = file.read_text(encoding="utf-8")
    assert old in good
    file.write_text(good.replace(old, new), encoding="utf-8")

    with pytest.raises(TextsError) as refused:
        load_texts(tmp_path)
    assert finding in str(refused.value)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_bytes("kind = '提醒'".encode("gb18030"))
    with pytest.raises(TextsError, match=r"^ours.toml: cannot be read: "):
        load_texts(tmp_path)


def test_a_folder_without_wordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match=r"nowhere: no \*.toml file; add one"):
        load_texts(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("first", "second", "finding"),
    [
        ("", "", "valid_from: ours begins on the same day; choose another day"),
        ("", "2027-01-01", "version: a later valid_from needs a higher version; raise it"),
        ("sms", "", "id: reminder.zh-CN.toml has it for reminder sms zh-CN; give it another id"),
    ],
)
def test_two_wordings_that_could_be_mixed_up_are_refused(
    tmp_path: Path, first: str, second: str, finding: str
) -> None:
    one = an_entry(ChannelKind(first or "push"), ZH_SMS)
    two = an_entry(ChannelKind.PUSH, ZH_SMS).replace("2026-01-01", second or "2026-01-01")
    a_file(tmp_path, Kind.REMINDER, Language.ZH_CN, one, two)

    assert [one.line for one in read_texts(tmp_path)[1]] == [finding]


def test_a_citys_text_cannot_pass_for_a_shipped_one(tmp_path: Path) -> None:
    entry = an_entry(SMS, ZH_SMS).replace('"ours"', '"reminder-sms-zh"')
    a_file(tmp_path, Kind.REMINDER, Language.ZH_CN, entry)

    with pytest.raises(TextsError, match="version: 1 is that of a shipped text; raise it"):
        load_texts(tmp_path)


def test_the_shipped_set_is_whole_and_clean() -> None:
    templates, found = read_texts(SHIPPED)

    assert found == ()
    slots = [template.slot for template in templates]
    assert sorted(slots) == sorted(product(Kind, ChannelKind, Language))
    assert len({template.id for template in templates}) == len(templates)
    for template in templates:
        is_notice = template.kind is Kind.NOTICE
        assert isinstance(template, NoticeTemplate if is_notice else ReminderTemplate)


def test_the_citys_text_is_used_from_its_day_on(tmp_path: Path) -> None:
    later = an_entry(SMS, ZH_SMS.replace("您好", "尊敬的车主")).replace(
        "version = 1", "version = 2"
    )
    later = later.replace("2026-01-01", "2026-03-02")
    a_file(tmp_path, Kind.REMINDER, Language.ZH_CN, an_entry(SMS, ZH_SMS), later)
    texts = load_texts(tmp_path)

    def used(now: datetime, channel: ChannelKind = SMS) -> tuple[str, int]:
        text = texts.remind(replace(REMINDER, now=now, since=now), channel=channel)
        return text.template_id, text.version

    assert used(datetime(2025, 12, 31, 15, 59, tzinfo=UTC)) == ("reminder-sms-zh", 1)
    assert used(datetime(2025, 12, 31, 16, 0, tzinfo=UTC)) == ("ours", 1)
    assert used(NOW) == ("ours", 2)
    assert used(NOW, VOICE) == ("reminder-voice-zh", 1)


def test_before_the_first_text_there_is_none() -> None:
    with pytest.raises(TextsError, match="no wording for reminder sms zh-CN on 2019-12-31"):
        TEXTS.remind(replace(REMINDER, now=datetime(2019, 12, 31, tzinfo=UTC)), channel=SMS)


def test_a_reminder_tells_all_that_the_driver_needs() -> None:
    text = TEXTS.remind(REMINDER, channel=SMS)

    assert text.text == (
        "【江城交警】您好，您的车辆鄂A12345自12:00起停在江滩北门，此处不允许停车。"
        "请在收到提醒后10分钟内驶离，及时驶离即可，无需办理手续。"
        "这是提醒，不是处罚。如有疑问请致电12123，编号4f2a9c01。谢谢配合。"
    )
    assert (text.template_id, text.version, text.language) == ("reminder-sms-zh", 1, "zh-CN")
    assert dict(text.fields) == {
        "agency": "江城交警",
        "plate": "鄂A12345",
        "place": "江滩北门",
        "phone": "12123",
        "reference": "4f2a9c01",
        "since": "12:00",
        "grace": "10分钟",
    }


def test_an_english_reminder_has_a_space_between_its_sentences() -> None:
    text = TEXTS.remind(replace(REMINDER, agency=ENGLISH), channel=SMS).text

    assert text.startswith(
        "[Jiangcheng Police] Hello, your vehicle 鄂A12345 has stood at 江滩北门 since 12:00. Stop"
    )
    assert "move it within 10 minutes of this message; " in text


def test_a_tip_thanks() -> None:
    text = TEXTS.thank(TIP, channel=SMS).text
    assert "已于12:10驶离江滩北门，感谢您的配合" in text


def test_a_notice_has_the_form_of_the_law() -> None:
    text = TEXTS.give_notice(NOTICE, channel=SMS).text

    assert "于2026年2月27日12:10在江滩北门，因“违反规定停放机动车”（代码1039）" in text
    assert "被交通技术监控设备记录。请自收到本通知之日起30日内到江城交警一大队接受处理" in text
    assert "您依法享有陈述、申辩的权利；对记录有异议的，可向江城交警一大队提出" in text


def test_a_voice_spells_what_it_would_read_as_a_quantity() -> None:
    text = TEXTS.remind(REMINDER, channel=VOICE).text
    assert "鄂 A 1 2 3 4 5" in text
    assert "咨询电话1 2 1 2 3，编号4 f 2 a 9 c 0 1" in text


@pytest.mark.parametrize(
    ("since", "zh", "en"),
    [
        (datetime(2026, 3, 2, 4, 0, tzinfo=UTC), "12:00", "12:00"),
        (datetime(2026, 3, 1, 16, 0, tzinfo=UTC), "00:00", "00:00"),
        (datetime(2026, 3, 1, 15, 59, tzinfo=UTC), "3月1日23:59", "23:59 on 1 March"),
        (
            datetime(2025, 12, 31, 15, 59, tzinfo=UTC),
            "2025年12月31日23:59",
            "23:59 on 31 December 2025",
        ),
    ],
)
def test_a_time_is_local_and_has_its_day_when_that_is_not_today(
    since: datetime, zh: str, en: str
) -> None:
    facts = replace(REMINDER, since=since)
    assert TEXTS.remind(facts, channel=SMS).fields["since"] == zh
    assert TEXTS.remind(replace(facts, agency=ENGLISH), channel=SMS).fields["since"] == en


@pytest.mark.parametrize(
    ("grace", "zh", "en"),
    [
        (timedelta(minutes=10), "10分钟", "10 minutes"),
        (timedelta(minutes=1), "1分钟", "1 minute"),
        (timedelta(seconds=20), "20秒", "20 seconds"),
        (timedelta(seconds=90), "90秒", "90 seconds"),
    ],
)
def test_the_time_to_move_is_told_in_words(grace: timedelta, zh: str, en: str) -> None:
    facts = replace(REMINDER, grace=grace)
    assert TEXTS.remind(facts, channel=SMS).fields["grace"] == zh
    assert TEXTS.remind(replace(facts, agency=ENGLISH), channel=SMS).fields["grace"] == en


def test_a_long_place_is_shortened_and_a_long_number_refused() -> None:
    told = TEXTS.remind(replace(REMINDER, place="江" * 300), channel=SMS)
    assert told.fields["place"] == "江" * 29 + "…"

    with pytest.raises(FactsError, match="reference takes 21 characters, at most 20 are allowed"):
        TEXTS.remind(replace(REMINDER, reference="1" * 21), channel=SMS)
    with pytest.raises(FactsError, match="act_wording takes 81 characters"):
        TEXTS.give_notice(replace(NOTICE, act_wording="违" * 81), channel=SMS)


def test_a_value_is_one_clean_line() -> None:
    told = TEXTS.remind(
        replace(REMINDER, place="江滩\r\n{plate}\u202e 【北】\x00门\u2028旁"), channel=SMS
    )
    assert told.fields["place"] == "江滩 (plate) （北）门 旁"


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (replace(REMINDER, place=" \n"), "place is empty"),
        (replace(REMINDER, grace=timedelta()), "grace is 0 s; there must be time to move"),
        (replace(REMINDER, since=NOW.replace(tzinfo=None)), "since or now has no time zone"),
    ],
)
def test_an_incomplete_reminder_is_never_written(facts: ReminderFacts, message: str) -> None:
    with pytest.raises(FactsError, match=message):
        TEXTS.remind(facts, channel=SMS)


@pytest.mark.parametrize(
    ("name", "phone", "language", "message"),
    [
        (" ", "12123", "en", "the agency has no name"),
        ("x", "", "en", "the agency's phone needs 1 to 20 characters"),
        ("x", "1" * 21, "en", "the agency's phone needs 1 to 20 characters"),
        ("x", "12123", "fr", "no wordings in the language 'fr'"),
    ],
)
def test_an_agency_that_no_text_can_name_stops_the_start(
    name: str, phone: str, language: str, message: str
) -> None:
    with pytest.raises(FactsError, match=message):
        Agency(name=name, phone=phone, language=language)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (replace(NOTICE, act_code=""), "act_code"),
        (replace(NOTICE, act_wording=" "), "act_wording"),
        (replace(NOTICE, place="\n"), "place"),
        (replace(NOTICE, unit="\u200b"), "unit"),
        (replace(NOTICE, reference=""), "reference"),
    ],
)
def test_a_notice_without_a_fact_of_its_record_is_never_written(
    facts: NoticeFacts, name: str
) -> None:
    with pytest.raises(FactsError, match=f"{name} is empty"):
        TEXTS.give_notice(facts, channel=SMS)


def test_a_notice_without_days_to_handle_it_is_never_written() -> None:
    with pytest.raises(FactsError, match="deadline_days is 0, at least 1 is needed"):
        TEXTS.give_notice(replace(NOTICE, deadline_days=0), channel=SMS)


# mypy refuses each line that is marked: were the two kinds one type, it would call the mark unused.


def test_a_notice_never_passes_for_a_reminder() -> None:
    notice = TEXTS.give_notice(NOTICE, channel=SMS)
    assert notice_only(notice) is notice
    with pytest.raises(WrongDocumentError, match="a reminder is wanted, not a NoticeText"):
        reminder_only(notice)  # type: ignore[arg-type]
    with pytest.raises(WrongDocumentError, match="needs ReminderFacts, not NoticeFacts"):
        TEXTS.remind(NOTICE, channel=SMS)  # type: ignore[arg-type]


def test_a_reminder_never_passes_for_a_notice() -> None:
    reminder = TEXTS.remind(REMINDER, channel=SMS)
    assert reminder_only(reminder) is reminder
    with pytest.raises(WrongDocumentError, match="a notice is wanted, not a ReminderText"):
        notice_only(reminder)  # type: ignore[arg-type]
    with pytest.raises(WrongDocumentError, match="needs NoticeFacts, not ReminderFacts"):
        TEXTS.give_notice(REMINDER, channel=SMS)  # type: ignore[arg-type]
    with pytest.raises(WrongDocumentError, match="needs TipFacts, not ReminderFacts"):
        TEXTS.thank(REMINDER, channel=SMS)  # type: ignore[arg-type]


def test_no_text_or_template_takes_the_other_kind() -> None:
    reminder = TEXTS.remind(REMINDER, channel=SMS)
    notice = TEXTS.give_notice(NOTICE, channel=SMS)
    with pytest.raises(WrongDocumentError, match="a notice is no reminder"):
        replace(reminder, kind=Kind.NOTICE)
    with pytest.raises(WrongDocumentError, match="a tip is no notice"):
        replace(notice, kind=Kind.TIP)
    for template in TEXTS.shipped:
        other = Kind.REMINDER if template.kind is Kind.NOTICE else Kind.NOTICE
        with pytest.raises(WrongDocumentError):
            replace(template, kind=other)


def test_a_voice_is_heard_for_as_long_as_its_words_take() -> None:
    assert spoken_s("您好，1 2", Language.ZH_CN) == 1.0
    assert spoken_s("It's 12 of us, 鄂 too.", Language.EN) == pytest.approx(6 / 2.5)


AGENCIES = st.builds(
    Agency,
    name=st.text(max_size=80).filter(str.strip),
    phone=st.text(max_size=20).filter(str.strip),
    language=st.sampled_from(["zh-CN", "en"]),
)
MOMENTS = st.integers(0, 80 * 365 * 86400).map(lambda s: NOW + timedelta(seconds=s))
ZONES = st.sampled_from([SHANGHAI, ZoneInfo("Asia/Urumqi"), UTC])
REMINDERS = st.builds(
    ReminderFacts,
    agency=AGENCIES,
    plate=st.text(max_size=12),
    place=st.text(max_size=300),
    reference=st.text(max_size=22),
    now=MOMENTS,
    zone=ZONES,
    since=MOMENTS,
    grace=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(hours=2)),
)
NOTICES = st.builds(
    NoticeFacts,
    agency=AGENCIES,
    plate=st.text(max_size=12),
    place=st.text(max_size=300),
    reference=st.text(max_size=22),
    now=MOMENTS,
    zone=ZONES,
    act_code=st.text(max_size=8),
    act_wording=st.text(max_size=160),
    recorded_at=MOMENTS,
    unit=st.text(max_size=80),
    deadline_days=st.integers(1, 90),
)


def assert_sound(told: ReminderText | NoticeText, *kept: str) -> None:
    text, limit = told.text, MAX_SEGMENTS[told.template_id]
    assert not {unicodedata.category(char) for char in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not set("{}") & set(text)
    for value in kept:
        printable = "".join(
            char
            for char in unicodedata.normalize("NFC", value)
            if unicodedata.category(char)[0] not in "CZ"
        ).translate(str.maketrans("{}【】", "()（）"))
        assert printable
        assert printable in text.replace(" ", "")
    assert limit is None or sms_segments(text).segments <= limit


@given(facts=REMINDERS, channel=st.sampled_from(ChannelKind))
def test_no_value_spoils_a_reminder(facts: ReminderFacts, channel: ChannelKind) -> None:
    try:
        told = TEXTS.remind(facts, channel=channel)
    except FactsError as exc:
        refusal = str(exc)
    else:
        assert_sound(told, facts.agency.phone, facts.reference)
        return
    assert "is empty" in refusal or "must not be cut" in refusal


@given(facts=NOTICES, channel=st.sampled_from(ChannelKind))
def test_no_value_spoils_a_notice(facts: NoticeFacts, channel: ChannelKind) -> None:
    try:
        told = TEXTS.give_notice(facts, channel=channel)
    except FactsError as exc:
        refusal = str(exc)
    else:
        assert_sound(told, facts.agency.phone, facts.reference)
        return
    assert "is empty" in refusal or "must not be cut" in refusal
