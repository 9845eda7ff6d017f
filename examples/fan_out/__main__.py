"""`python -m examples.fan_out`: counts the words of a book, one child per chapter."""

from examples.fan_out.process import play
from examples.stage import perform

perform(play)
