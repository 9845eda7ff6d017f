"""`python -m examples.approvals`: one invoice is approved by deputies, one is rejected."""

from examples.approvals.process import play
from examples.stage import perform

perform(play)
