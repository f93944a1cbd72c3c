"""The figures: tables in, matplotlib figures out. One file a figure, each with one function `draw`."""
