"""pytest-benchmark suites: `make bench-suites`. Figures of one machine and one minute; compare only within a run."""
