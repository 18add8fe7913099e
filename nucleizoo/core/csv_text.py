"""Tables as CSV that is safe to open in a spreadsheet, which takes some texts for formulas [1].

[1] OWASP, "CSV injection".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""How a text begins that becomes a formula; the last four are the wide signs of East Asian keyboards."""


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of at least one row; missing values stay empty.

    A text that would become a formula gets an apostrophe before it; numbers stay numbers.

    Example:
        >>> print(*csv_text([{"image": "=1+1", "offset": -0.5}]).split())
        image,offset '=1+1,-0.5
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(map(_cell, columns))
    table.writerows([_cell(row.get(name, "")) for name in columns] for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value)
    return f"'{value}" if is_formula else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
