"""Tables of attributes as programs and people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from zsl.datasets.image_folder_attributes import read_attributes
from zsl.errors import InputError

NAMES = ("Barn_Swallow", "Bobolink", "002.Cactus_Wren")
HEADS = {",": "class,a,b", ";": "class;a;b", "\t": "class\ta\tb", "|": "class|a|b"}


MARKS = [*((separator, ".") for separator in HEADS), *((separator, ",") for separator in ";\t|")]


@pytest.mark.parametrize(("separator", "decimal"), MARKS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_tables_with_any_separator_and_decimal_mark(tmp_path: Path, separator: str, decimal: str, ending: str) -> None:
    lines = [HEADS[separator]] + [
        separator.join([name, f"{i}.5".replace(".", decimal), "1"]) for i, name in enumerate(NAMES)
    ]
    for name, encoding in (("a.CSV", "utf-8-sig"), ("a.Txt", "utf-16"), ("a.csv", "utf-8")):
        (tmp_path / name).write_bytes(ending.join(lines).encode(encoding))
        assert read_attributes(tmp_path / name, NAMES)["original_att"].tolist() == [[0.5, 1], [1.5, 1], [2.5, 1]]


def test_names_in_a_table_are_matched_as_they_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("class,a\ncactus wren,3\nBarn Swallow,1\n Bobolink ,2\n")
    assert read_attributes(path, NAMES)["original_att"].ravel().tolist() == [1, 2, 3]
    path.write_text("class,a\nCactus Wern,3\nBarn Swallow,1\nBobolink,2\n")
    with pytest.raises(InputError, match=r"no line for class '002.Cactus_Wren'; did you mean 'Cactus Wern'\?"):
        read_attributes(path, NAMES)
    path.write_text("class,a\nCactus Wren,3\ncactus_wren,4\nBarn Swallow,1\nBobolink,2\n")
    with pytest.raises(InputError, match=r"no line for class '002.Cactus_Wren'"):
        read_attributes(path, NAMES)
