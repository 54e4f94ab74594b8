"""What a library says over and over is said once in a while."""

import logging

from levtao.service import SELDOM_S, Seldom


def line(name: str, text: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, text, arguments, None)


def test_a_kind_of_line_comes_once_until_its_time_is_over() -> None:
    now = [100.0]
    seldom = Seldom(lambda: now[0])
    assert seldom.filter(line("aiokafka", "Unable connect to node with id %s", 1))
    assert not seldom.filter(line("aiokafka", "Unable connect to node with id %s", 2))
    assert seldom.filter(line("aiokafka", "Unable to update metadata from %s", [1]))
    assert seldom.filter(line("aiokafka.client", "Unable connect to node with id %s", 1))
    assert [seldom.filter(line("asyncio", "Task exception was never retrieved")) for _ in range(2)] == [True, True]
    now[0] += SELDOM_S
    assert seldom.filter(line("aiokafka", "Unable connect to node with id %s", 1))
    assert not seldom.filter(line("aiokafka", "Unable connect to node with id %s", 1))
