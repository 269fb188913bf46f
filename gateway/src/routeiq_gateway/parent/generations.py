"""The generations of workers: every decision of the gateway's parent, and nothing but decisions.

The story
    A **generation** is a set of workers that serve one revision. A new one comes up beside the old one. Once all new
    workers are ready they accept, and in the same step the old ones **drain**. A revision that cannot be served whole
    is refused (**nack**), and the old generation never notices.

Rollouts
    Every worker comes up in a rollout. A *reload* brings up a full set on what `current` points to, with the newest
    **secret set**, and on what is served where that is refused. A *replacement* is a worker on what is served, for one
    that died or is past its limits; a finished reload kills those under way. A *trial*, for a verdict, never accepts.

Nothing to serve
    A gateway that starts on a refused revision makes a *fallback* to the best other one on the volume, then the next.
    Without any, a *placeholder* answers 503 with the reason, but not while orphans of an earlier parent serve.

Whose fault, and when again
    A refusal by a worker, a death at its start, a passed deadline: the revision's, which is not tried again until
    `current` moves, secrets change or a reload is asked for. What is away is **passing** (room, a process, memory, a
    database): nothing is recorded, and the gateway tries again; where nobody serves, once a placeholder does.
    Failures in a row delay the next start ever longer (`Pause`), but for a first death and what is new or asked for.

Hanging, and ending
    A worker whose loop does not turn is replaced as a worn one is. Once another accepts it is to drain; it is killed
    then, or drains if its loop turns again.
    Told to stop, the gateway gives up its rollouts, serves for the pre-stop time, closes the listening socket, drains.
    Every worker that drains or was killed has an instant at which it is killed (again).
"""

from routeiq_gateway.parent import actions, events
from routeiq_gateway.parent.actions import Action, Do
from routeiq_gateway.parent.events import Asker, Event, Purpose
from routeiq_gateway.parent.state import FIRST_DELAY, HANG, KILLED, Rollout, State, Turn, WorkerState
from routeiq_gateway.settings import IDLE_AT_STOP, Settings
from routeiq_gateway.volume.volume import Revision


def step(state: State, event: Event, now: float, settings: Settings) -> tuple[State, tuple[Action, ...]]:
    """Decide what ``event`` leads to at ``now``, in seconds of a monotonic clock: the new state, and what to do.

    The actions are in their order; the events that one brings come before any other.
    """
    turn = _Turn(state, now, settings)
    turn.take(event)
    turn.end()
    return turn.state, tuple(turn.actions)


class _Turn(Turn):
    """The decisions of one step."""

    def take(self, event: Event) -> None:
        """Decide about one event."""
        match event:
            case events.Tick():
                self._tick(event)
            case events.Staged(purpose, revision):
                self._staged(purpose, revision)
            case events.NotStaged():
                self._not_staged(event)
            case events.Ready(number):
                self._ready(number)
            case events.Failed(number, reason, passing):
                self._give_up(number, reason, passing=passing)
            case events.NotForked(number, reason):
                self.forget(number)
                self._give_up(number, reason, passing=True)
            case events.Died(number, ended):
                self._died(number, ended)
            case events.Worn() | events.Hung():
                self._past_limit(event)
            case events.ReloadAsked(asker, current):
                self.ask(asker, current)
            case events.Orphans(serve):
                self._stand_in(orphans=serve)
            case events.Stop():
                self._stop()

    def _tick(self, tick: events.Tick) -> None:
        state = self.state
        if state.stopping_since is None:
            self._look(tick)
            for rollout in self.state.rollouts:
                if self.now > rollout.deadline:
                    self._give_up(rollout.workers[0], self.TOO_LATE.format(self.settings.reload_timeout))
            if self.state.empty:
                self.do(Do.ASK_ORPHANS)
            self._keep_whole()
        elif not state.retired and self.now - state.stopping_since >= self.settings.prestop:
            self._retire_all(self.settings.drain)
        self.kill_overdue()
        if not tick.answered:
            self.do(Do.PUBLISH)  # somebody emptied the volume; syncd numbers by what is served

    def _look(self, tick: events.Tick) -> None:
        """Take up what `current` and `candidate` point to, once each."""
        state = self.state
        if tick.candidate != state.candidate and self.now >= state.pause.until and not state.under_way("trial"):
            self.set(candidate=tick.candidate)
            if tick.candidate is not None:
                self.do(actions.Read("trial", tick.candidate))
        if state.reloading:
            return
        self.set(obstacle=tick.obstacle)
        if tick.current is None:
            if state.phase != "serving":
                self.wait(tick.obstacle or self.NO_REVISION.format(self.settings.volume))
            elif tick.obstacle is not None and tick.obstacle != state.obstacle:
                self.log("warning", "the revision served goes on", reason=tick.obstacle)
            return
        due = state.retry_at is not None and self.now >= state.retry_at
        if (tick.current, tick.secrets) == (state.current, state.secrets) and not state.asked and not due:
            if state.refusal is not None and (tick.acked != state.acked or not state.exhausted):
                self.set(acked=tick.acked)
                self._fall_back(state.refusal)
            return
        if len(draining := state.having("draining")) >= self.settings.most_draining:
            self.hurry(draining, self.TOO_MANY.format(self.settings.most_draining))
        else:
            self.set(current=tick.current, secrets=tick.secrets, retry_at=None)
            self.do(actions.Read("reload", tick.current))

    def _keep_whole(self) -> None:
        """Bring up what is missing, then replace a worker past its limit: new first, one at a time."""
        state = self.state
        if state.phase != "serving" or self.now < state.pause.until:
            return
        serving, under_way = state.having("serving"), state.under_way("replacement")
        missing = self.settings.workers - len(serving)
        for _ in range(missing - len(under_way)):
            self._begin("replacement", state.served)
        worn = next((worker for worker in serving if worker.worn), None)
        if worn is not None and missing <= 0 and not under_way and not state.reloading:
            self.log("info", "replacing a worker", worker=worn.number, limit=worn.worn)
            self._begin("replacement", state.served, replaces=worn.number)

    def _stand_in(self, *, orphans: bool) -> None:
        """Have clients wait for something to serve, where nobody serves anything."""
        state = self.state
        if state.empty and state.waiting and not orphans and not state.reloading and self.now >= state.pause.until:
            self._begin("placeholder", None)

    def _staged(self, purpose: Purpose, revision: Revision) -> None:
        if purpose == "fallback":
            self.log("warning", "falling back", revision=revision.number)
        asked_by = self.take_asked() if purpose == "reload" else ()
        if purpose == "reload" and (reason := self.state.older(revision)):
            self._refuse(revision.number, revision.digest, reason, asked_by, purpose)
            self.do(Do.TIDY)
        else:
            self._begin(purpose, revision, *asked_by)

    def _not_staged(self, event: events.NotStaged) -> None:
        if event.passing:
            self.pause(FIRST_DELAY)
        match event.purpose:
            case "trial" if event.passing:
                self.put_off_trial(event.reason)
            case "trial" if event.known:
                self.do(actions.Verdict(event.number, event.digest, event.reason))
            case "trial":
                self.log("warning", "the candidate cannot be read", reason=event.reason)
            case "fallback":
                self.set(exhausted=not event.passing)
                self.wait(f"revision {event.number} is refused: {event.reason}")
            case _ if event.passing:
                self._put_off(event.purpose, event.number, event.digest, event.reason, *self.take_asked())
            case _:
                self._refuse(event.number, event.digest, event.reason, self.take_asked(), event.purpose)

    def _begin(self, purpose: Purpose, revision: Revision | None, *askers: Asker, replaces: int | None = None) -> None:
        state = self.state
        count = self.settings.workers if purpose in {"reload", "fallback"} else 1
        numbers = tuple(range(state.last + 1, state.last + 1 + count))
        made = Rollout(purpose, revision, numbers, self.now, self.now + self.settings.reload_timeout, replaces, askers)
        workers = (*state.workers, *(WorkerState(number, revision) for number in numbers))
        self.set(last=numbers[-1], workers=workers, rollouts=(*state.rollouts, made))
        self.do(*(actions.Fork(number, revision, purpose == "trial") for number in numbers))
        self.log("info", "bringing up", purpose=purpose, revision=made.number, workers=count)

    def _finish(self, rollout: Rollout) -> None:
        revision, replaced = rollout.revision, self.state.replaced_by(rollout)
        if rollout.purpose == "trial" and revision is not None:
            self.abandon(rollout)
            self.do(actions.Verdict(revision.number, revision.digest, None))
            return
        if not self.state.listening:
            self.do(Do.LISTEN)
        self.set(listening=True, rollouts=tuple(other for other in self.state.rollouts if other != rollout))
        self.accept(rollout.workers)
        self.retire(replaced, self.settings.drain, idle=self.settings.keepalive, pass_on=True)
        for other in self.state.superseded_by(rollout):
            self.abandon(other)
        if revision is not None:
            note = self.state.note if rollout.purpose == "replacement" else ""
            self.set(phase="serving", served=revision, note=note, refusal=None)
            self.do(actions.Ack(revision))
        self.do(Do.PUBLISH)
        seconds = round(self.now - rollout.started, 3)
        self.log("info", "serving", purpose=rollout.purpose, revision=rollout.number, seconds=seconds)
        if revision is not None:
            self.tell(rollout.asked_by, result="ack", number=revision.number, digest=revision.digest, seconds=seconds)

    def _give_up(self, number: int, reason: str, *, passing: bool = False) -> None:
        """Give up the rollout of a worker whose start has failed."""
        if (rollout := self.state.rollout_of(number)) is None:
            return
        self.abandon(rollout)
        if passing or rollout.purpose in {"replacement", "placeholder"}:
            self.pause(FIRST_DELAY)
        match rollout.purpose, rollout.revision:
            case "trial", _ if passing:
                self.put_off_trial(reason)
            case "trial", Revision(number, digest):
                self.do(actions.Verdict(number, digest, reason))
            case "reload" | "fallback", Revision(number, digest) if passing:
                self._put_off(rollout.purpose, number, digest, reason, *rollout.asked_by)
            case "reload" | "fallback", Revision(number, digest):
                self._refuse(number, digest, reason, rollout.asked_by, rollout.purpose)
            case _:
                self.log("error", f"a worker's {rollout.purpose} failed", reason=reason)

    def _put_off(self, purpose: Purpose, number: int, digest: str, reason: str, *askers: Asker) -> None:
        """Bring the revision up later: it is not to blame."""
        note = f"revision {number} cannot be brought up now: {reason}; trying again"
        self.tell(askers, result="nack", number=number, digest=digest, reason=note)
        self.wait(note, "reload put off" if self.state.phase == "serving" else "not ready")
        if purpose == "reload":
            self.set(retry_at=self.state.pause.until + FIRST_DELAY * self.state.empty)  # first a placeholder

    def _refuse(self, number: int, digest: str, reason: str, askers: tuple[Asker, ...], purpose: Purpose) -> None:
        """Refuse a revision: keep what is served, else bring up another, else have clients wait."""
        if (rotating := self.state.rotating) is not None and rotating.number == number:
            self.set(unfit=self.state.secrets)
            self.do(actions.RefuseSecrets(reason))
        elif purpose != "fallback":  # what is told is the refusal of the revision that is wanted
            self.do(actions.Nack(number, digest, reason))
        self.log("error", "revision refused", revision=number, digest=digest, reason=reason)
        self.do(Do.PUBLISH)
        self.tell(askers, result="nack", number=number, digest=digest, reason=reason)
        if self.state.phase != "serving":
            known = self.state.refusal or actions.FallBack(number, digest, reason)
            self._fall_back(known.without(digest) if purpose == "fallback" else known.of(number, digest, reason))
        elif rotating is not None and self.state.secrets != self.state.unfit:  # a rotated key comes into use
            if self.now < self.state.pause.until:
                self.set(retry_at=self.state.pause.until)
            else:
                self.do(actions.Read("reload", rotating.target))

    def _fall_back(self, refusal: actions.FallBack) -> None:
        self.set(refusal=refusal, exhausted=False)
        if self.now < self.state.pause.until:
            return self.wait(refusal.note)
        return self.do(refusal)

    def _died(self, number: int, ended: str) -> None:
        if number in {worker.number for worker in self.state.having("serving")}:
            self.log("error", "a worker died", worker=number, ended=ended)
            self.pause(0.0)
        self.forget(number)
        self._give_up(number, f"a worker ended at its start with {ended}", passing=ended == KILLED)
        self.do(Do.TIDY, Do.PUBLISH)

    def _ready(self, number: int) -> None:
        if (rollout := self.state.rollout_of(number)) is not None:
            self.change(number, state="ready")
            if self.state.complete(rollout):
                self._finish(rollout)

    def _past_limit(self, event: events.Worn | events.Hung) -> None:
        """Have a worker replaced; one that hangs and drains can only be killed, since it hears no message."""
        if isinstance(event, events.Worn):
            self.change(event.worker, worn=event.limit)
            return
        worker = next(worker for worker in self.state.workers if worker.number == event.worker)
        if worker.worn != HANG:
            self.change(worker.number, worn=HANG)
            seconds = round(event.seconds)
            self.log("error", "a worker hangs", worker=worker.number, limit=HANG, seconds=seconds, stack=event.stack)
        if worker.state == "draining":
            self.kill([worker])

    def _stop(self) -> None:
        if self.state.stopping_since is not None:
            self.log("warning", "stopping at once: asked a second time")
            self._retire_all(0)
            return
        self.log("info", "stopping", prestop=self.settings.prestop, drain=self.settings.drain)
        self.set(stopping_since=self.now, phase="draining")
        for rollout in self.state.rollouts:
            self.abandon(rollout)
            self.tell(rollout.asked_by, result="nack", reason=self.STOPPING)
        self.tell(self.take_asked(), result="nack", reason=self.STOPPING)
        self.do(Do.PUBLISH)

    def _retire_all(self, seconds: float) -> None:
        """Stop accepting, and drain every worker."""
        self.set(retired=True)
        self.retire(self.state.having("serving", "draining"), seconds, idle=IDLE_AT_STOP, pass_on=False)
        self.do(Do.CLOSE_LISTENER, Do.PUBLISH)
