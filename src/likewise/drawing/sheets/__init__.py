"""Sheets: what was found, why, and what a network made of a picture, each as one picture file.

Each is written whole to ``out``, whose ending chooses the format (``.png``, ``.jpg``, ``.webp``). All raise
`UsageError` where the ending is no format or ``out`` is one of the pictures, `StorageError` where the sheet
cannot be written, and `BadPicture` where a query cannot be read; of what was found, a picture that can no
longer be read becomes a grey tile that says so.
"""

from likewise.drawing.sheets.answers import draw_sheets, query_sheet
from likewise.drawing.sheets.contact import contact_sheet, duplicate_sheet
from likewise.drawing.sheets.explanation import explanation_sheet
from likewise.drawing.sheets.matches import match_sheet
from likewise.drawing.sheets.results import result_sheet
from likewise.drawing.sheets.tap import draw_inspection, field_sheet, map_sheet

__all__ = [
    "contact_sheet",
    "draw_inspection",
    "draw_sheets",
    "duplicate_sheet",
    "explanation_sheet",
    "field_sheet",
    "map_sheet",
    "match_sheet",
    "query_sheet",
    "result_sheet",
]
