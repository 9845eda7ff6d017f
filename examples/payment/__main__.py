"""`python -m examples.payment`: two orders wait for the payment provider's callback."""

from examples.payment.process import play
from examples.stage import perform

perform(play)
