"""Pages: one HTML file each that needs nothing else, to hand out and to open anywhere."""

from likewise.drawing.pages.inspection import inspection_page
from likewise.drawing.pages.map import map_page
from likewise.drawing.pages.template import data_address, write_page

__all__ = ["data_address", "inspection_page", "map_page", "write_page"]
