"""`python -m examples.documents`: a contract is replaced twice before it is signed, another is withdrawn."""

from examples.documents.process import play
from examples.stage import perform

perform(play)
