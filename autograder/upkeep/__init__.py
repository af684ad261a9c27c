"""Keep a course over the years: back it up, restore it, and forget a student."""
