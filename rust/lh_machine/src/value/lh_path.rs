//! Selector paths (PTH-3).
