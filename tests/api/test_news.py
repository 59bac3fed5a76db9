"""A bell that nobody misses."""

import asyncio

import pytest

from api.news import News


async def test_whoever_waits_hears_it():
    news = News()
    waiting = [asyncio.create_task(news.after(news.count)) for _ in range(3)]
    await asyncio.sleep(0)
    news.tell()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*waiting) == [1, 1, 1]


async def test_what_rang_before_is_not_waited_for():
    news = News()
    seen = news.count
    news.tell()
    news.tell()
    async with asyncio.timeout(10):
        assert await news.after(seen) == 2


async def test_nothing_is_heard_twice():
    news = News()
    news.tell()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await news.after(news.count)


async def test_a_slow_listener_looks_once_for_many_rings():
    news, heard = News(), []

    async def listen():
        seen = 0
        while seen < 100:
            seen = await news.after(seen)
            heard.append(seen)
            await asyncio.sleep(0.001)

    listening = asyncio.create_task(listen())
    for _ in range(100):
        news.tell()
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await listening
    assert heard == sorted(set(heard))
    assert heard[-1] == 100


async def test_a_listener_that_leaves_disturbs_nobody():
    news = News()
    leaving, staying = (asyncio.create_task(news.after(0)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    news.tell()
    async with asyncio.timeout(10):
        assert await staying == 1
