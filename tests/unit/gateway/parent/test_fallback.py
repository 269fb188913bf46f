"""What a gateway that starts serves in place of a revision that it refuses."""

from dataclasses import replace

from routeiq_gateway.parent import actions, events
from routeiq_gateway.parent.generations import step
from routeiq_gateway.parent.state import State
from tests.support.gateway_invariants import LIMITS
from tests.support.gateway_world import World, revision, starting


def test_a_start_on_a_refused_revision_falls_back() -> None:
    """The last known good comes up; without one, clients are told the reason, unless orphans serve."""
    good = starting(current=-3, good=2)
    assert [rollout.purpose for rollout in good.state.rollouts] == ["fallback"]
    alone = starting(current=-3).look()
    assert [rollout.purpose for rollout in alone.state.rollouts] == ["placeholder"]
    assert alone.state.note == "revision 3 is refused: damaged"
    beside = starting(current=-3, orphans=True).look()
    assert not beside.state.rollouts
    assert [one.purpose for one in replace(beside, orphans=False).look().processes] == ["placeholder"]


def test_a_last_known_good_that_cannot_be_brought_up_now_is_tried_again() -> None:
    """No room for the fallback: nothing spins, the reason stands in the note, and in the end it serves."""
    world = World(current=-3, good=2, disk=False).look()
    assert world.state.note == "revision 3 is refused: damaged"
    world = replace(world, disk=True, now=world.now + 1).look()
    for number in [process.number for process in world.processes]:
        world = world.after("ready", number)
    assert world.acked == (2,)


def refused_on_its_way_up(world: World) -> World:
    """The world after a worker on its way up refused its revision, and the others were killed."""
    world = world.after("refuse", next(one.number for one in world.processes if one.doing == "starting"))
    for process in [process for process in world.processes if process.doing == "killed"]:
        world = world.after("die", process.number)
    return world


def coming_up(world: World) -> set[tuple[str, int]]:
    """Purpose and revision of what is on its way up."""
    return {(one.purpose, one.revision) for one in world.processes if one.doing == "starting"}


def test_each_refused_fallback_leads_to_the_next_best() -> None:
    """What the fleet acked last goes first, then what this gateway acked; each once; the reason told is the first."""
    world = starting(current=-5, good=1, link=3)
    assert coming_up(world) == {("fallback", 3)}
    world = refused_on_its_way_up(world)
    assert coming_up(world) == {("fallback", 1)}
    world = refused_on_its_way_up(world).look()
    assert coming_up(world) == {("placeholder", 0)}
    assert world.state.note == "revision 5 is refused: damaged"


def test_a_revision_that_the_fleet_acks_later_ends_the_wait() -> None:
    """A placeholder gives way as soon as the link `acked` names a revision that was not tried, and only then."""
    world = starting(current=-5).look()
    (waiting,) = (process.number for process in world.processes)
    world = world.after("ready", waiting).after("long tick", 0)
    assert coming_up(world) == set()
    world = replace(world, link=3).look()
    assert coming_up(world) == {("fallback", 3)}
    for number in [process.number for process in world.processes if process.doing == "starting"]:
        world = world.after("ready", number)
    assert world.acked == (3,)
    assert world.state.phase == "serving"


def test_the_refusal_of_a_fallback_hides_no_refusal_of_what_is_wanted() -> None:
    """What is told of the volume's newest revision stays, however many older ones are refused after it."""
    state, wanted = step(State(), events.NotStaged("reload", 5, "d5", "damaged"), 100.0, LIMITS)
    assert [action for action in wanted if isinstance(action, actions.Nack)] == [actions.Nack(5, "d5", "damaged")]
    state, _ = step(state, events.Staged("fallback", revision(3)), 100.0, LIMITS)
    _, wanted = step(state, events.Failed(state.rollouts[0].workers[0], "bad model"), 100.0, LIMITS)
    assert [action for action in wanted if isinstance(action, actions.Nack)] == []
    assert actions.FallBack(5, "d5", "damaged", frozenset({"d5", revision(3).digest})) in wanted
