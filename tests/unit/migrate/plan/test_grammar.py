import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_migrate.plan.grammar import NotSqlError, parse, parse_block, scan


@given(st.text("ab'\"$-/*;\n \\E()", max_size=60))
def test_any_text_is_split_or_refused(text: str) -> None:
    """Tokens come in order, do not overlap, and quote the text they stand for; an open quotation is refused."""
    position = 0
    try:
        tokens = scan(text)
    except NotSqlError:
        return
    for token in tokens:
        assert token.start >= position
        assert text[token.start : token.end] == token.text
        position = token.end


def test_comments_are_no_tokens_and_places_count_characters() -> None:
    """A name with two bytes a letter moves nothing."""
    (word, number) = scan("/* é /* */ */ -- ö\nSELECT 1")
    assert (word.name, word.text, word.start, word.end) == ("SELECT", "SELECT", 19, 25)
    assert (number.name, number.text) == ("ICONST", "1")


def test_what_is_not_sql_is_refused_with_its_place() -> None:
    """Each way into the grammar has one error, with the words of the grammar."""
    with pytest.raises(NotSqlError, match='at or near "nonsense"'):
        parse("nonsense")
    with pytest.raises(NotSqlError, match="unterminated quoted string"):
        scan("SELECT 'x")
    with pytest.raises(NotSqlError, match="end of input"):
        parse_block("DO $$ BEGIN IF nonsense $$")
