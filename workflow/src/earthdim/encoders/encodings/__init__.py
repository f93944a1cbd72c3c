"""Positional encodings of longitude and latitude, one module per published source.

The contract that all of them share is stated in `earthdim.encoders.encodings.base.Encoding`.
"""
