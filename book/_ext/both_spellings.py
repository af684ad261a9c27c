"""Sphinx: the search finds reparameterisation and reparameterization alike.

The index and the query lose the same difference, each before its stemmer.
"""

import re

from sphinx.application import Sphinx
from sphinx.search import languages
from sphinx.search.en import SearchEnglish

# "size" and "prize" are spelt in one way only.
ENDING = r"(?<=[a-z]{4})iz(?=(e|es|ed|er|ers|ing|ation|ations)$)"


class BothSpellings(SearchEnglish):
    """English, in which -ize is -ise."""

    js_stemmer_code = (
        SearchEnglish.js_stemmer_code
        + f"""
Stemmer = ((Porter) => function () {{
  const porter = new Porter();
  this.stemWord = (word) => porter.stemWord(word.replace(/{ENDING}/, "is"));
}})(Stemmer);
"""
    )

    def stem(self, word: str) -> str:
        """The stem of the word in its British spelling."""
        return super().stem(re.sub(ENDING, "is", word.lower()))


def setup(app: Sphinx) -> dict[str, bool]:
    languages["en"] = BothSpellings
    return {"parallel_read_safe": True, "parallel_write_safe": True}
