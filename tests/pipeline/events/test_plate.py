import pytest

from pipeline.events import PlateClass, PlateNumber, mask_plate


@pytest.mark.parametrize(
    ("raw", "text", "plate_class"),
    [
        ("鄂A12345", "鄂A12345", PlateClass.CIVIL),
        (" 鄂a·12 345 ", "鄂A12345", PlateClass.CIVIL),
        ("鄂A-1234F", "鄂A1234F", PlateClass.CIVIL),
        ("粤BD12345", "粤BD12345", PlateClass.NEV_SMALL),
        ("粤B12345D", "粤B12345D", PlateClass.NEV_LARGE),
        ("鄂A1234警", "鄂A1234警", PlateClass.MARKED),
        ("使123456", "使123456", PlateClass.EMBASSY),
        ("沪A1234领", "沪A1234领", PlateClass.EMBASSY),
        ("京X1234应急", "京X1234应急", PlateClass.EMERGENCY),
        ("WJ京1234A", "WJ京1234A", PlateClass.ARMED_POLICE),
        ("AB12 CDE", "AB12CDE", PlateClass.GENERIC),
    ],
)
def test_a_plate_has_one_spelling_and_a_class(raw: str, text: str, plate_class: PlateClass) -> None:
    plate = PlateNumber.parse(raw)

    assert (plate.text, plate.plate_class) == (text, plate_class)


@pytest.mark.parametrize("raw", ["", "A", "鄂12345", "鄂AI2345", "鄂A1234", "车辆A12345", "A" * 11])
def test_what_matches_no_pattern_is_no_plate(raw: str) -> None:
    with pytest.raises(ValueError, match="not a plate"):
        PlateNumber.parse(raw)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("鄂A12345", "鄂A·1**45"),
        ("粤BD12345", "粤B·D***45"),
        ("AB12CDE", "AB1**DE"),
        ("AB1", "A**"),
    ],
)
def test_a_masked_plate_hides_its_middle(text: str, masked: str) -> None:
    assert mask_plate(text) == masked
