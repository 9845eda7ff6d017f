"""`python -m examples.llm_review`: a person sends a generated text back once, then has it published."""

from examples.llm_review.process import play
from examples.stage import perform

perform(play)
