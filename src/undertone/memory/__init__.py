"""What was said and what is kept: owns conversations, messages and memories, and finds again what matters now.

conversation = await memory.find_conversation(conn, user_id, persona_id, now=now)
message = await memory.append(conn, user_id=..., conversation_id=conversation.id, ..., vector=vector, now=now)
found = await memory.recall(conn, user_id, persona_id, text, vector, now=now)
"""

from undertone.memory.consolidation import consolidate, keep, summarise
from undertone.memory.held_store import (
    HOLDINGS,
    Background,
    background,
    change_kept,
    close_idle,
    forget,
    kept,
    rewrite,
    said,
    texts,
    without_vector,
)
from undertone.memory.kept_store import unsummarised
from undertone.memory.retrieval import recall
from undertone.memory.store import (
    Conversation,
    UserTurn,
    append,
    close_conversation,
    deactivate_from,
    find_conversation,
    get_conversation,
    get_message,
    history,
    list_conversations,
    open_conversation,
    recent_user_turns,
    set_vector,
)

__all__ = [
    "HOLDINGS",
    "Background",
    "Conversation",
    "UserTurn",
    "append",
    "background",
    "change_kept",
    "close_conversation",
    "close_idle",
    "consolidate",
    "deactivate_from",
    "find_conversation",
    "forget",
    "get_conversation",
    "get_message",
    "history",
    "keep",
    "kept",
    "list_conversations",
    "open_conversation",
    "recall",
    "recent_user_turns",
    "rewrite",
    "said",
    "set_vector",
    "summarise",
    "texts",
    "unsummarised",
    "without_vector",
]
