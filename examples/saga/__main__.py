"""`python -m examples.saga`: books three trips, of which two have to be undone."""

from examples.saga.process import play
from examples.stage import perform

perform(play)
