"""What was said and what is kept: owns conversations, messages and memories, and finds again what matters now.

conversation = await memory.find_conversation(conn, user_id, persona_id, now=now)
message = await memory.append(conn, user_id=..., conversation_id=conversation.id, ..., vector=vector, now=now)
found = await memory.recall(conn, user_id, persona_id, text, vector, now=now)
"""

from undertone.memory.changes import UNDO_FOR, Moment, delete_forgotten, edit, forget, hide, keep, merge, moments, undo
from undertone.memory.consolidation import consolidate, keep_told
from undertone.memory.held_store import (
    HOLDINGS,
    Background,
    background,
    close_idle,
    mark_used,
    rewrite,
    texts,
    without_vector,
)
from undertone.memory.imports_store import imported, mark_imported, reopen
from undertone.memory.inspection_store import After, Held, Place, Search, find_held, get_held, kept, places, said
from undertone.memory.pages_store import Page, read_pages
from undertone.memory.past_store import as_of, said_at, with_forgotten
from undertone.memory.query import asks
from undertone.memory.retrieval import recall
from undertone.memory.store import (
    Conversation,
    UserTurn,
    append,
    close_conversation,
    deactivate_from,
    every_user_turn,
    find_conversation,
    get_conversation,
    get_message,
    history,
    last_said,
    list_conversations,
    open_conversation,
    recent_user_turns,
    set_vector,
)
from undertone.memory.summaries import sum_up, sum_up_so_far
from undertone.memory.summaries_store import Summary, remembered, to_sum_up
from undertone.memory.tiers import cool, wake

__all__ = [
    "HOLDINGS",
    "UNDO_FOR",
    "After",
    "Background",
    "Conversation",
    "Held",
    "Moment",
    "Page",
    "Place",
    "Search",
    "Summary",
    "UserTurn",
    "append",
    "as_of",
    "asks",
    "background",
    "close_conversation",
    "close_idle",
    "consolidate",
    "cool",
    "deactivate_from",
    "delete_forgotten",
    "edit",
    "every_user_turn",
    "find_conversation",
    "find_held",
    "forget",
    "get_conversation",
    "get_held",
    "get_message",
    "hide",
    "history",
    "imported",
    "keep",
    "keep_told",
    "kept",
    "last_said",
    "list_conversations",
    "mark_imported",
    "mark_used",
    "merge",
    "moments",
    "open_conversation",
    "places",
    "read_pages",
    "recall",
    "recent_user_turns",
    "remembered",
    "reopen",
    "rewrite",
    "said",
    "said_at",
    "set_vector",
    "sum_up",
    "sum_up_so_far",
    "texts",
    "to_sum_up",
    "undo",
    "wake",
    "with_forgotten",
    "without_vector",
]
