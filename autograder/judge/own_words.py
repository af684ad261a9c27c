"""What a student wrote into a cell that is not for answers."""

import ast
import io
import tokenize

# After these a string is a statement of its own.
BREAKS = frozenset(
    (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)
)


def added_lines(copy: str, given: str) -> str:
    """The lines of a text that the given one has not; a changed line is kept whole."""
    known = {line.strip() for line in given.split("\n")} - {""}
    lines = copy.split("\n")
    return "\n".join(line for line in lines if line.strip() not in known).strip()


def added_words(copy: str, given: str) -> str:
    """The comments and the strings that stand alone which the given code has not.

    Code of it that was made a comment is none of them.
    """
    known = {line.strip() for line in given.split("\n")} | set(words(given))
    return "\n".join(word for word in words(copy) if word not in known)


def words(source: str) -> list[str]:
    """Comments of Python code, without their mark, and strings that stand alone.

    In what is no Python the lines that are comments are found.
    """
    found, alone = [], True
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                found.append(token.string.lstrip("#").strip())
            elif token.type == tokenize.STRING and alone:
                found.append(text_of(token.string))
            alone = token.type in BREAKS
    except (tokenize.TokenError, SyntaxError):
        lines = [line.strip() for line in source.split("\n")]
        found = [line.lstrip("#").strip() for line in lines if line[:1] == "#"]
    return [word for word in dict.fromkeys(found) if word]


def text_of(literal: str) -> str:
    """What a string says; one that is filled in when it runs, as it is written."""
    try:
        return str(ast.literal_eval(literal)).strip()
    except (ValueError, SyntaxError):
        return literal
