//! Format strings (ASG-4, ASG-5).
