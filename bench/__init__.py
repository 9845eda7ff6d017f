"""Measurements of the server as a whole: `make bench`. The README beside this file says what each figure means."""
