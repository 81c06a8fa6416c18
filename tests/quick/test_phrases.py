from collections import Counter

from tests.quick.phrases import phrases

ALL = phrases()


def test_there_are_200_phrases_60_of_them_or_more_without_a_date() -> None:
    assert len(ALL) == len({phrase.text for phrase in ALL}) == 200
    assert sum(not phrase.has_date for phrase in ALL) >= 60


def test_the_words_that_say_a_value_stand_once_in_their_phrase() -> None:
    for phrase in ALL:
        assert all(phrase.text.count(words) == 1 for _, words in phrase.words), phrase.text


def test_the_phrases_are_of_many_products() -> None:
    assert len(Counter(phrase.source for phrase in ALL)) >= 10
