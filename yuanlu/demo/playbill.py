"""All stories, by the name each is called with; the first is the default."""

from __future__ import annotations

from yuanlu.demo import desk_stories, more_stories, stories
from yuanlu.demo.stories import Story

STORIES: dict[str, Story] = {**stories.STORIES, **more_stories.STORIES, **desk_stories.DESK_STORIES}


def headline(name: str) -> str:
    """What a story is about: the first line of what its function says."""
    return (STORIES[name].__doc__ or "").partition("\n")[0]
