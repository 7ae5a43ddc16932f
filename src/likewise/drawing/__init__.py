"""Pictures of results: sheets, plots and pages, and the primitives that they are drawn with.

`canvas`, `taps`, `charts` and `plots` are the primitives; `sheets` and `pages` write files. What is
drawn comes in as values of the other rooms, most of whose types are known here to the type checker alone.
"""
