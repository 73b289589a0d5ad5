from .base import TaskValue as TaskValue
from .names import TASKS as TASKS
from .names import Task as Task
from .registry import task_in as task_in
from .registry import task_of as task_of

__all__ = ["TASKS", "Task", "TaskValue", "task_in", "task_of"]
