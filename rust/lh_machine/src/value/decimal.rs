//! Numbers as US-English text (ASG-5).
