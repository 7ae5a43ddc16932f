"""Pictures of results: what tells whether they can be written, and what shows the maps of a network.

`drawing.sheets`, `drawing.pages` and `drawing.plots` write files, each a face of its own. What is drawn
comes in as values of the other rooms, most of whose types are known here to the type checker alone.
"""

from likewise.drawing.canvas import check_output, save
from likewise.drawing.taps import Scale, heat_layer, heat_picture, shaded, shared_top, tiles

__all__ = ["Scale", "check_output", "heat_layer", "heat_picture", "save", "shaded", "shared_top", "tiles"]
