//! Runs `tests/scripts/*.txt`: commands in, exact effects and records out.
//!
//! A script is blocks of input lines, `----`, expected output, a blank line. `UPDATE_SCRIPTS=1 cargo test --test scripts`
//! rewrites the expected output; a person reads the diff.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "scripted/language.rs"]
mod language;
#[path = "scripted/print.rs"]
mod print;
#[path = "scripted/user_tasks.rs"]
mod user_tasks;
#[path = "scripted/world.rs"]
mod world;

use std::{fs, path::Path};

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are scripts");
    let mut failed = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let actual = run(&text);
        if std::env::var_os("UPDATE_SCRIPTS").is_some() {
            fs::write(&path, &actual).unwrap();
        } else if actual != text {
            failed.push(format!("{}\n{}", path.display(), difference(&text, &actual)));
        }
    }
    assert!(failed.is_empty(), "scripts differ:\n{}", failed.join("\n"));
}

/// Runs a script and returns it with the output that the machine really gave.
fn run(text: &str) -> String {
    let mut world = world::World::new();
    let mut actual = String::new();
    let mut expected = false;
    let mut input: Vec<&str> = Vec::new();
    for line in text.lines() {
        if expected {
            expected = !line.is_empty();
            if !expected {
                actual.push('\n');
            }
        } else if line == "----" {
            actual.push_str("----\n");
            for line in input.drain(..) {
                actual.push_str(&world.perform(line));
            }
            expected = true;
        } else {
            actual.push_str(line);
            actual.push('\n');
            if !line.is_empty() && !line.starts_with('#') {
                input.push(line);
            }
        }
    }
    actual
}

fn difference(expected: &str, actual: &str) -> String {
    let mut text = String::new();
    let mut actual_lines = actual.lines();
    for line in expected.lines() {
        match actual_lines.next() {
            Some(other) if other == line => {}
            other => {
                text.push_str(&format!("  expected: {line}\n  actual:   {}\n", other.unwrap_or("(end)")));
                break;
            }
        }
    }
    text.push_str("--- actual output\n");
    text.push_str(actual);
    text
}
