"""Bringing a platform's past in: chat logs with dates, read twice, stored once.

log = read_log(path, personas=names, user=None, persona=None)
result = await store_log(resources, log, attests={"memory"})
"""

from undertone.ops.importers.chat_log import Fault, Log, read_log
from undertone.ops.importers.storing import Imported, check_attests, store_log

__all__ = ["Fault", "Imported", "Log", "check_attests", "read_log", "store_log"]
