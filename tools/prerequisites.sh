#!/bin/sh
# Says what of Python >= 3.11 (with venv), Rust (rust-version in Cargo.toml) and a C compiler is missing on this machine;
# nothing else is needed.
# Usage: tools/prerequisites.sh [python]   prints the Python that was found; exit 1 and a list of what is missing otherwise.
# The Python is taken from, in this order: the argument, $PYTHON, python3, python3.14 ... python3.11.
missing=""
say() { missing="$missing
  - $1"; }

fits='import sys; sys.exit(sys.version_info < (3, 11))'
python=""
for candidate in "$1" "$PYTHON" python3 python3.14 python3.13 python3.12 python3.11; do
  [ -n "$candidate" ] || continue
  if "$candidate" -c "$fits" >/dev/null 2>&1; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  found=$(python3 --version 2>/dev/null || echo "none")
  say "Python 3.11 or newer (found: $found). Install it, or name one: make PYTHON=/path/to/python3.11"
elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
  say "the venv module of $python (on Debian and Ubuntu: apt-get install python3-venv)"
fi

rust=$(awk -F '"' '/^rust-version/ { print $2 }' "$(dirname "$0")/../Cargo.toml")
# A version like "1.95.0" as a number like "1095", for comparing.
number() { awk '{ split($1, part, "."); print part[1] * 1000 + part[2] }'; }
for tool in rustc cargo; do
  found=$("$tool" --version 2>/dev/null | head -n 1)
  if [ -z "$found" ]; then
    say "$tool $rust or newer: install Rust from https://rustup.rs (and open a new shell)"
  elif [ "$(echo "${found#* }" | number)" -lt "$(echo "$rust" | number)" ]; then
    say "$tool $rust or newer (found: $found): rustup update stable"
  fi
done

if ! command -v "${CC:-cc}" >/dev/null 2>&1; then
  say "a C compiler (looked for: ${CC:-cc}; on Debian and Ubuntu: apt-get install gcc; on macOS: xcode-select --install)"
fi

if [ -n "$missing" ]; then
  echo "This machine lacks what the build needs:$missing" >&2
  exit 1
fi
echo "$python"
