"""The demo: database, simulated providers, service and worker on this machine, and stories played through the API."""

from yuanlu.demo.desk_stories import DESK_STORIES
from yuanlu.demo.show import play
from yuanlu.demo.stories import STORIES

STORIES.update(DESK_STORIES)

__all__ = ["play"]
