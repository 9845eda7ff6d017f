"""The checks themselves can fail: what the tidy checks read out of source is what stands there."""

from tests.tidy.source import python_functions, python_imports, rust_code, rust_functions

RUST = """
//! A brace in a comment {
impl<'a> Thing<'a> {
    /// fn not_this() {
    fn first(&self, sizes: [u8; 4]) -> char {
        let text = "}";
        let raw = r#"fn nor_this() { "quoted" "#;
        match '{' { other => other }
    }
    fn declared(&self);
}
fn second<T>() where T: Copy
{
    /* { */
}
"""


def test_rust_functions_are_measured_past_strings_and_comments() -> None:
    """Braces and `fn` inside strings, characters and comments do not count."""
    found = {function.name: (function.first_line, function.lines) for function in rust_functions(RUST)}
    assert found == {"first": (5, 5), "second": (12, 4)}


def test_blanking_keeps_lines() -> None:
    """Line numbers stay right after blanking."""
    assert rust_code(RUST).count("\n") == RUST.count("\n")


def test_python_functions_are_measured_without_docstring() -> None:
    """A long docstring does not make a long function."""
    source = 'def a():\n    """One\n    two\n    three."""\n    return 1\n\nclass B:\n    async def c(self): ...\n'
    assert [(found.name, found.lines) for found in python_functions(source)] == [("a", 2), ("c", 1)]


def test_python_imports_are_full_names() -> None:
    """`from a import b` may import the module a.b."""
    assert python_imports("import x.y\ndef f():\n    from a import b") == {"x.y", "a", "a.b"}
