import pytest

from pipeline.notify.contacts import mask_phone, parse_phone
from tests.pipeline.notify.registers.contract import PHONE, a_contact


def test_a_contact_never_prints_what_is_personal() -> None:
    contact = a_contact()

    assert PHONE not in f"{contact!r} {contact}"
    assert "secret-endpoint" not in f"{contact!r} {contact}"
    assert contact.masked == "138******01"


@pytest.mark.parametrize(
    ("phone", "masked"),
    [("+8613800000001", "+86*********01"), ("12345678", "123***78"), ("12345", "***45")],
)
def test_of_a_short_number_less_is_shown(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


@pytest.mark.parametrize("raw", ["138-0000 0001", "(+86) 138 0000 0001", " 13800000001 "])
def test_what_people_put_between_digits_is_left_out(raw: str) -> None:
    assert parse_phone(raw).get_secret_value() in {PHONE, f"+86{PHONE}"}


@pytest.mark.parametrize(
    "raw", ["", "1234", "1" * 16, "13800000001x", "+", "１３８００００００００１"]
)
def test_other_texts_are_no_phone(raw: str) -> None:
    with pytest.raises(ValueError, match="phone"):
        parse_phone(raw)
