"""Every rule of docs/spec is cited by a test, except those on a list that may only shrink."""

from tests.tidy.rules import allowed_rules, citations, cited_rules, defined_rules, in_order, reasons


def test_every_new_rule_has_a_test() -> None:
    """A rule without a test is on the list."""
    assert in_order(defined_rules() - cited_rules() - allowed_rules() - reasons().keys()) == []


def test_the_list_only_shrinks() -> None:
    """A rule that a test cites now leaves the list (`make fix` does it), and so does one that is no rule any more."""
    assert in_order(allowed_rules() & cited_rules()) == []
    assert in_order(allowed_rules() - defined_rules()) == []


def test_reasons_are_given_only_where_no_test_is() -> None:
    """What cannot be tested says why in a sentence; it is a rule, no test cites it, and it is on no other list."""
    given = reasons()
    assert all(len(reason.split()) >= 4 for reason in given.values())
    assert in_order(given.keys() - defined_rules()) == []
    assert in_order(given.keys() & (cited_rules() | allowed_rules())) == []


def test_tests_cite_rules_that_exist() -> None:
    """A citation of a rule that the specification does not have is a typing mistake."""
    assert in_order(cited_rules() - defined_rules()) == []


def test_citations_may_share_a_chapter() -> None:
    """`NN/A-1, A-2` cites two rules of one chapter."""
    chapter = "04"
    assert citations(f"proves {chapter}/TW-22, TW-23 and {chapter}/TW-34a.") == {"04/TW-22", "04/TW-23", "04/TW-34a"}
    assert citations("a ratio of 4/5 and TW-1") == set()
