"""Who may stay when places for connections run short, without any connection."""

from openrek.runtime.server.connection_limit import Places


class Visitor:
    def __init__(self) -> None:
        self.unsent = self.answered = self.sent_away = False

    def send_away(self) -> None:
        self.sent_away = True


def places_of(most: int, *visitors: Visitor) -> Places:
    places = Places(most)
    for visitor in visitors:
        places.come()
        places.made(visitor)
    return places


def sent_away(*visitors: Visitor) -> list[bool]:
    return [visitor.sent_away for visitor in visitors]


def test_a_place_is_taken_before_anything_is_known_of_a_connection() -> None:
    places = places_of(2)
    places.come()
    assert (places.taken, places.settling) == (1, True)
    places.missed()
    assert (places.taken, places.settling) == (0, False)


def test_those_who_ask_nothing_go_first_and_the_oldest_of_them_before_the_others() -> None:
    first, asking, third, fourth = visitors = [Visitor() for _ in range(4)]
    places = places_of(4, *visitors)
    places.asks(asking)
    places.free(1)
    assert sent_away(*visitors) == [True, False, False, False]
    assert (places.taken, places.settling) == (4, True)
    places.free(1)
    assert sent_away(third) == [False]  # a place will be free
    places.left(first)
    places.free(2)
    assert sent_away(asking, third, fourth) == [False, True, False]
    places.free(4)
    assert sent_away(asking, fourth) == [False, True]


def test_whoever_was_answered_last_stays_longest() -> None:
    first, second = Visitor(), Visitor()
    places = places_of(2, first, second)
    places.asks(first)
    places.rests(first)
    places.free(1)
    assert sent_away(first, second) == [False, True]


def test_nobody_goes_before_all_of_the_answer_is_sent() -> None:
    first, second = Visitor(), Visitor()
    places = places_of(2, first, second)
    first.unsent = True
    places.free(1)
    assert sent_away(first, second) == [False, True]
    assert not places.send_one_away()


def test_those_who_were_refused_and_still_send_go_when_all_others_ask() -> None:
    asking, refused = Visitor(), Visitor()
    places = places_of(2, asking, refused)
    places.asks(asking)
    places.asks(refused)
    places.free(1)
    assert sent_away(asking, refused) == [False, False]
    refused.answered = True
    places.free(1)
    assert sent_away(asking, refused) == [False, True]


def test_whoever_is_leaving_is_not_counted_on_again() -> None:
    visitor = Visitor()
    places = places_of(1, visitor)
    assert places.send_one_away()
    places.asks(visitor)
    places.rests(visitor)
    assert not places.send_one_away()
    places.left(visitor)
    assert places.taken == 0
