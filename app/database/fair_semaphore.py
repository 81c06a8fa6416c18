"""A semaphore with a limit for each holder."""

import asyncio
from weakref import WeakValueDictionary


class FairSemaphore:
    """Lets `size` tasks in at once, and at most `share` of each holder.

    A task waits for its holder's share first, and only then among all. So however many tasks a
    holder has, at most `share` of them are ahead of another holder's.
    """

    def __init__(self, size: int, share: int) -> None:
        self._all = asyncio.Semaphore(size)
        self._share = share
        # A holder's semaphore goes away with the last task that waits for it or has acquired it.
        self._shares: WeakValueDictionary[object, asyncio.Semaphore] = WeakValueDictionary()

    async def acquire(self, holder: object) -> asyncio.Semaphore:
        """Wait until this holder may go on; gives what to pass to `release`."""
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
        """Let the next task in."""
        share.release()
        self._all.release()
