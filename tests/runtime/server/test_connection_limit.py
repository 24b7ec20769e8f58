"""Who may stay when places for connections run short, without any connection."""

from openrek.runtime.server.connection_limit import ConnectionLimit


class Connection:
    def __init__(self) -> None:
        self.has_unsent = self.answered_early = self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def limit_of(most: int, *connections: Connection) -> ConnectionLimit:
    limit = ConnectionLimit(most)
    for connection in connections:
        limit.accepted()
        limit.opened(connection)
    return limit


def aborted(*connections: Connection) -> list[bool]:
    return [connection.aborted for connection in connections]


def test_a_place_is_taken_before_anything_is_known_of_a_connection() -> None:
    limit = limit_of(2)
    limit.accepted()
    assert (limit.count, limit.settling) == (1, True)
    limit.failed()
    assert (limit.count, limit.settling) == (0, False)


def test_those_who_ask_nothing_go_first_and_the_oldest_of_them_before_the_others() -> None:
    first, asking, third, fourth = connections = [Connection() for _ in range(4)]
    limit = limit_of(4, *connections)
    limit.became_busy(asking)
    limit.make_room(1)
    assert aborted(*connections) == [True, False, False, False]
    assert (limit.count, limit.settling) == (4, True)
    limit.make_room(1)
    assert aborted(third) == [False]  # a place will be free
    limit.closed(first)
    limit.make_room(2)
    assert aborted(asking, third, fourth) == [False, True, False]
    limit.make_room(4)
    assert aborted(asking, fourth) == [False, True]


def test_whoever_was_answered_last_stays_longest() -> None:
    first, second = Connection(), Connection()
    limit = limit_of(2, first, second)
    limit.became_busy(first)
    limit.became_idle(first)
    limit.make_room(1)
    assert aborted(first, second) == [False, True]


def test_nobody_goes_before_all_of_the_answer_is_sent() -> None:
    first, second = Connection(), Connection()
    limit = limit_of(2, first, second)
    first.has_unsent = True
    limit.make_room(1)
    assert aborted(first, second) == [False, True]
    assert not limit.close_one()


def test_those_who_were_refused_and_still_send_go_when_all_others_ask() -> None:
    asking, refused = Connection(), Connection()
    limit = limit_of(2, asking, refused)
    limit.became_busy(asking)
    limit.became_busy(refused)
    limit.make_room(1)
    assert aborted(asking, refused) == [False, False]
    refused.answered_early = True
    limit.make_room(1)
    assert aborted(asking, refused) == [False, True]


def test_whoever_is_leaving_is_not_counted_on_again() -> None:
    connection = Connection()
    limit = limit_of(1, connection)
    assert limit.close_one()
    limit.became_busy(connection)
    limit.became_idle(connection)
    assert not limit.close_one()
    limit.closed(connection)
    assert limit.count == 0
