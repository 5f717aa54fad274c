"""A stand-in for the library wandb and the server behind it: what `fisc.records.weights_and_biases` calls, recorded.

`test_weights_and_biases.py` asks the library itself whether it takes the same calls.
"""

from types import SimpleNamespace


class StandIn:
    """A server that keeps what it is sent, and a library that reaches it or not.

    Args:
        mode: as WANDB_MODE says.
        has_login: whether there is a key.
        project: as WANDB_PROJECT says.
    """

    def __init__(self, mode="online", has_login=True, project=None):
        self.settings, self.has_login = SimpleNamespace(mode=mode, project=project), has_login
        self.history = {}
        """What the server has: for each id, its points (step, values) in the order of arrival."""
        self.begun = []
        """How each curve was opened."""
        self.finished = []
        """Ids with exit codes."""
        self.failing = set()
        """Names of what fails."""

    def setup(self):
        """Settings from the environment."""
        return SimpleNamespace(settings=self.settings)

    def Settings(self, project=None, entity=None, **others):
        """Settings that are checked."""
        if project is not None and "/" in project:
            raise ValueError(f"Invalid project name {project!r}")
        return SimpleNamespace(project=project, entity=entity, **others)

    def login(self, prompt, verify):
        """Whether somebody is logged in; it is never asked to prompt."""
        assert verify and not prompt
        self.fail("login")
        return self.has_login

    def init(self, **how):
        """Open a curve, and go on after the last step that the server has if it is to be resumed."""
        self.fail("init")
        self.begun.append(how)
        points = self.history.setdefault(how["id"], [])
        start = points[-1][0] + 1 if points and how["resume"] == "allow" else 0
        return Opened(self, how["id"], start)

    def fail(self, name):
        """Fail in the library's manner, with an error of some kind in several lines, if this is to fail."""
        if name in self.failing:
            raise ConnectionError(f"no {name}:\nserver is down.")


class Opened:
    """A curve that is open."""

    def __init__(self, module, its_id, start):
        self.module, self.id, self.starting_step, self.axis = module, its_id, start, {}
        self.project_url = "https://example.org/me/taxes"

    def define_metric(self, name, step_metric):
        """Choose the axis."""
        self.axis[name] = step_metric

    def log(self, values, step):
        """Send values; the library drops those of earlier steps with a warning, which must not happen."""
        self.module.fail("log")
        points = self.module.history[self.id]
        assert self.axis == {"*": "env_steps"} and step >= self.starting_step
        assert self.starting_step == 0 or not points or step > points[-1][0]
        points.append((step, values))

    def finish(self, exit_code):
        """Wait for the server."""
        self.module.fail("finish")
        self.module.finished.append((self.id, exit_code))
