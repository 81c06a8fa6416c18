"""A semaphore that is shared out among holders."""

import asyncio
from weakref import WeakValueDictionary


class FairSemaphore:
    """So many at once, and of these a share at most for each holder.

    Whoever has its share waits for itself. So a holder with a thousand tasks is before another one
    with a share of them at most.
    """

    def __init__(self, size: int, share: int) -> None:
        self._all = asyncio.Semaphore(size)
        self._share = share
        # Each lives as long as somebody waits for it or has acquired it.
        self._shares: WeakValueDictionary[object, asyncio.Semaphore] = WeakValueDictionary()

    async def acquire(self, holder: object) -> asyncio.Semaphore:
        """Wait for this holder's turn; what it gives is to be released."""
        share = self._shares.get(holder)
        if share is None:
            share = self._shares[holder] = asyncio.Semaphore(self._share)
        await share.acquire()
        try:
            await self._all.acquire()
        except BaseException:
            share.release()
            raise
        return share

    def release(self, share: asyncio.Semaphore) -> None:
        """End what `acquire` began."""
        share.release()
        self._all.release()
