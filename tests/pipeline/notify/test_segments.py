import pytest

from pipeline.notify.wording import Encoding, Segments, sms_segments

GSM, UCS = Encoding.GSM_7, Encoding.UCS_2


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", GSM, 0, 1),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà", GSM, 44, 1),
        ("\f^{}\\[~]|€", GSM, 20, 1),
        ("€" * 80, GSM, 160, 1),
        ("€" * 81, GSM, 162, 2),
        ("{" * 152, GSM, 304, 2),
        ("{" * 153, GSM, 306, 3),
        ("a" * 152 + "€" + "a" * 151, GSM, 305, 2),
        ("a" * 152 + "€" + "a" * 152, GSM, 306, 3),
        ("ç", UCS, 1, 1),
        ("`", UCS, 1, 1),
        ("’", UCS, 1, 1),
        ("a" * 69 + "汉", UCS, 70, 1),
        ("汉" * 70, UCS, 70, 1),
        ("汉" * 71, UCS, 71, 2),
        ("汉" * 134, UCS, 134, 2),
        ("汉" * 135, UCS, 135, 3),
        ("𠮷" * 35, UCS, 70, 1),
        ("🚗" * 36, UCS, 72, 2),
        ("🚗" * 66, UCS, 132, 2),
        ("🚗" * 67, UCS, 134, 3),
        ("汉" * 66 + "🚗" + "汉" * 65, UCS, 133, 2),
        ("汉" * 66 + "🚗" + "汉" * 66, UCS, 134, 3),
        ("👨‍👩‍👧", UCS, 8, 1),
    ],
)
def test_messages_are_counted_as_the_phone_network_does(
    text: str, encoding: Encoding, units: int, segments: int
) -> None:
    assert sms_segments(text) == Segments(encoding=encoding, units=units, segments=segments)
