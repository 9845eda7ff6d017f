//! Comparators (CMP-1, CMP-2) and exact equality (VAL-5).
