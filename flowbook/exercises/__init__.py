"""The checks of the graded assignments: one line in a notebook, one module each.

A module holds what a check asks (inputs), the numbers that a right answer gives, the
mistakes that people make with their hints, and the section that explains it. It holds
no formula of an answer: hidden tests, which have some, stand in `solutions/`.
"""
