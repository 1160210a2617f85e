package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.agent.local.LocalRequest;
import org.dmtcp.akka.config.ErrorTable;
import org.dmtcp.akka.protocol.Actors;
import org.dmtcp.akka.protocol.CoordinatorMessage;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorRequest;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeEnvironment;
import org.dmtcp.akka.protocol.Receiving;
import org.dmtcp.akka.protocol.WorkerState;

/**
 * One request of a command on this host: checks it, takes it to the coordinator, brings the answer
 * back as docs/local-protocol.md has it, and stops.
 */
final class LocalCall {
  sealed interface Command {}

  private record Replied(CoordinatorReply reply) implements Command {}

  private record Refreshed() implements Command {}

  private record Adopted() implements Command {}

  private record TimedOut() implements Command {}

  private record ClientGone() implements Command {}

  private record CoordinatorLost() implements Command {}

  record Setting(NodeEnvironment environment, NodeSettings settings, ProcFs proc,
      UniquePids uniquePids, ActorRef<NodeAgent.Command> agent) {}

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final LocalRequest request;
  private final Setting setting;
  private final ActorRef<CoordinatorMessage> coordinator;
  private final ActorRef<CoordinatorReply> replies;

  static Behavior<Command> create(LocalRequest request, Setting setting) {
    return Actors.withTimers(
        (context, timers) -> new LocalCall(context, timers, request, setting).starting());
  }

  /** Waits for the others as long as the coordinator does, or the client. */
  static Behavior<Command> atBarrier(NodeAgent.Barrier barrier, Setting setting) {
    return Actors.withTimers((context, timers) ->
        new LocalCall(context, timers, barrier.request(), setting).waitingAt(barrier));
  }

  private Behavior<Command> waitingAt(NodeAgent.Barrier barrier) {
    startTimer(setting.settings().roundRequestLimit());
    ActorRef<Command> self = context.getSelf();
    request.whenGone(() -> self.tell(new ClientGone()));
    return handedOn(new CoordinatorRequest.EnterBarrier(
        barrier.name(), barrier.uniquePid(), request.json().path("expected").asInt(), replies));
  }

  private LocalCall(ActorContext<Command> context, TimerScheduler<Command> timers,
      LocalRequest request, Setting setting) {
    this.context = context;
    this.timers = timers;
    this.request = request;
    this.setting = setting;
    this.coordinator = setting.environment().coordinator();
    this.replies = Actors.adapter(context, CoordinatorReply.class, Replied::new);
    context.watchWith(coordinator, new CoordinatorLost());
  }

  private Behavior<Command> starting() {
    try {
      LocalForms form = new LocalForms(request.json());
      return switch (request.op()) {
        case "register" -> registering(form);
        case "status" -> asking(new CoordinatorRequest.GetStatus(replies)); // it asks all nodes
        case "list" -> asking(new CoordinatorRequest.ListWorkers(replies));
        case "checkpoint" -> checkpointing(form);
        case "progress" -> asking(new CoordinatorRequest.GetProgress(replies));
        case "generations" -> asking(new CoordinatorRequest.ListGenerations(replies));
        case "interval" -> asking(
            new CoordinatorRequest.SetInterval(form.interval("seconds"), replies));
        case "kill" -> asking(new CoordinatorRequest.Kill(replies));
        case "quit" -> asking(new CoordinatorRequest.Quit(replies));
        case "force" -> asking(new CoordinatorRequest.Force(replies));
        case "restart-begin" -> // of who may have ended a moment ago
            refreshing(form.beginRestart(setting.environment().node(), replies));
        case "restart-ready" -> readying(form);
        case "plugin-kv" -> asking(form.keyValue(replies));
        case "restart-publish" -> asking(form.publishNames(replies));
        case "restart-resolve" -> resolving(form.resolveNames(replies));
        default -> failed("bad-request", "unknown request " + request.op());
      };
    } catch (IllegalArgumentException e) {
      return failed("bad-request", request.op() + ": " + e.getMessage());
    }
  }

  // ---- requests that are only handed on

  private Behavior<Command> asking(CoordinatorRequest message) {
    startTimer(setting.settings().requestLimit());
    return handedOn(message);
  }

  private Behavior<Command> handedOn(CoordinatorRequest message) {
    coordinator.tell(message);
    return common()
        .onMessage(Replied.class, m -> answered(m.reply()))
        .onAnyMessage(m -> ignoreStale("waiting for the coordinator", m))
        .build();
  }

  /** The coordinator answers within the limit of the request itself. */
  private Behavior<Command> resolving(CoordinatorRequest.ResolveNames message) {
    startTimer(message.limit().plus(setting.settings().requestLimit()));
    ActorRef<Command> self = context.getSelf();
    request.whenGone(() -> self.tell(new ClientGone()));
    return handedOn(message);
  }

  private Behavior<Command> checkpointing(LocalForms form) {
    boolean blocking = form.flag("blocking");
    startTimer(blocking
        ? setting.settings().roundRequestLimit() : setting.settings().requestLimit());
    return refreshing(
        new CoordinatorRequest.Checkpoint(blocking, form.flag("kill"), replies));
  }

  /** The coordinator is asked once it has heard who is there now. */
  private Behavior<Command> refreshing(CoordinatorRequest message) {
    if (!timers.isTimerActive("limit")) {
      startTimer(setting.settings().requestLimit());
    }
    setting.agent().tell(new NodeAgent.Refresh(
        Actors.adapter(context, NodeAgent.Refreshed.class, r -> new Refreshed())));
    return Receiving.of(Command.class)
        .onMessage(ClientGone.class, m -> request.op().equals("restart-begin")
            ? Behaviors.stopped() // nobody is there to go on with it
            : Behaviors.same()) // what was asked for is done
        .onMessage(Refreshed.class, m -> handedOn(message))
        .onMessage(TimedOut.class, m -> timedOut())
        .onMessage(CoordinatorLost.class, m -> lost())
        .onAnyMessage(m -> ignoreStale("refreshing", m))
        .build();
  }

  private Behavior<Command> answered(CoordinatorReply reply) {
    if (reply instanceof CoordinatorReply.Refused refused) {
      return failed(refused.failure());
    }
    if (reply instanceof CoordinatorReply.RestartBegun begun) {
      withdrawWhenClosed(begun.restartId());
    }
    return done(LocalForms.answer(reply));
  }

  /** It may end before its processes are ready, and be typed again. */
  private void withdrawWhenClosed(String restartId) {
    List<String> uniquePids = new LocalForms(request.json()).announced();
    String node = setting.environment().node();
    ActorRef<CoordinatorReply> nobody = context.getSystem().ignoreRef();
    request.whenClosed(() -> coordinator.tell(new CoordinatorRequest.RestartWithdrawn(
        restartId, node, uniquePids, "dmtcp_restart has ended", nobody)));
  }

  // ---- register

  private Behavior<Command> registering(LocalForms form) {
    HostProcess process = form.process();
    Optional<Failure> refusal = notOurs(process);
    if (refusal.isPresent()) {
      return failed(refusal.get());
    }
    int virtualPid = form.positive("virtualPid");
    Member member = new Member(process, setting.uniquePids().of(virtualPid, process), virtualPid,
        0, form.text("program"), true, form.options());
    startTimer(setting.settings().roundRequestLimit());
    setting.agent().tell(new NodeAgent.Enroll(member, form.optionalInterval(), replies));
    return common()
        .onMessage(Replied.class, m -> m.reply() instanceof CoordinatorReply.Registered r
            ? adopting(member, LocalForms.answer(r))
            : dismissing(member, m.reply()))
        .onAnyMessage(m -> ignoreStale("registering", m))
        .build();
  }

  private Behavior<Command> dismissing(Member member, CoordinatorReply reply) {
    setting.agent().tell(new NodeAgent.Dismiss(member.process()));
    return answered(reply);
  }

  private Optional<Failure> notOurs(HostProcess process) {
    if (!setting.proc().exists(process)) {
      return Optional.of(new Failure("no-such-process", "process " + process.realPid()
          + " does not exist on " + setting.environment().node()));
    }
    int uid = setting.proc().realUid(process.realPid());
    int ours = setting.proc().realUid((int) ProcessHandle.current().pid());
    // What root launched may have changed its user by the time of a checkpoint, and so is restarted.
    boolean allowed = uid == ours || (ours == 0 && request.op().equals("restart-ready"));
    return allowed ? Optional.empty()
        : Optional.of(new Failure("not-allowed-to-trace",
            "process " + process.realPid() + " belongs to user " + uid + ", not " + ours));
  }

  private Behavior<Command> adopting(Member member, ObjectNode answer) {
    setting.agent().tell(new NodeAgent.Adopt(member, adopted()));
    return beingAdopted(answer);
  }

  private ActorRef<NodeAgent.Adopted> adopted() {
    return Actors.adapter(context, NodeAgent.Adopted.class, a -> new Adopted());
  }

  private Behavior<Command> beingAdopted(ObjectNode answer) {
    return common()
        .onMessage(Adopted.class, m -> done(answer))
        .onAnyMessage(m -> ignoreStale("adopting", m))
        .build();
  }

  // ---- restart-ready

  /** Waits for the other hosts as long as the command does: a person may start them by hand. */
  private Behavior<Command> readying(LocalForms form) {
    List<Member> members = form.restarted();
    for (Member member : members) {
      Optional<Failure> refusal = notOurs(member.process());
      if (refusal.isPresent()) {
        return failed(refusal.get());
      }
    }
    NodeAgent.Built built = new NodeAgent.Built(members, form.supervisor());
    List<String> uniquePids = members.stream().map(Member::uniquePid).toList();
    String node = setting.environment().node();
    ActorRef<Command> self = context.getSelf();
    request.whenGone(() -> self.tell(new ClientGone()));
    setting.agent().tell(built);
    coordinator.tell(new CoordinatorRequest.RestartReady(form.text("restartId"), node,
        members.stream().map(m -> m.info(node, WorkerState.RESTARTING)).toList(), replies));
    return Receiving.of(Command.class)
        .onMessage(Replied.class, m -> m.reply() instanceof CoordinatorReply.RestartWaiting, m -> {
          request.progress(LocalForms.answer(m.reply()));
          return Behaviors.same();
        })
        .onMessage(Replied.class, m -> m.reply() instanceof CoordinatorReply.RestartGo r
            ? releasing(LocalForms.answer(r))
            : givingUp(built, () -> answered(m.reply())))
        .onMessage(ClientGone.class, m -> {
          coordinator.tell(new CoordinatorRequest.RestartWithdrawn(form.text("restartId"), node,
              uniquePids, "dmtcp_restart has ended", context.getSystem().ignoreRef()));
          return givingUp(built, Behaviors::stopped);
        })
        .onMessage(CoordinatorLost.class, m -> givingUp(built, this::lost))
        .onAnyMessage(m -> ignoreStale("waiting for the other members", m))
        .build();
  }

  private Behavior<Command> releasing(ObjectNode answer) {
    request.whenClosed(null);
    setting.agent().tell(new NodeAgent.Released(adopted()));
    return beingAdopted(answer);
  }

  /** The agent knows before the client does, who may go on at once. */
  private Behavior<Command> givingUp(
      NodeAgent.Built built, Supplier<Behavior<Command>> next) {
    setting.agent().tell(new NodeAgent.GivenUp(built));
    return next.get();
  }

  // ---- the end

  private void startTimer(Duration limit) {
    timers.startSingleTimer("limit", new TimedOut(), limit);
    ActorRef<Command> self = context.getSelf();
    // A restart may wait for the end of those who ran; the coordinator forgets it when we stop.
    if (request.op().equals("restart-begin")
        || request.op().equals("checkpoint") && request.json().path("blocking").asBoolean()) {
      request.whenGone(() -> self.tell(new ClientGone()));
    }
  }

  private Receiving<Command> common() {
    return Receiving.of(Command.class)
        .onMessage(TimedOut.class, m -> timedOut())
        .onMessage(ClientGone.class, m -> Behaviors.stopped()) // the work goes on
        .onMessage(CoordinatorLost.class, m -> lost());
  }

  private Behavior<Command> timedOut() {
    return failed("coordinator-unreachable",
        "the coordinator did not answer " + request.op() + " in time");
  }

  private Behavior<Command> lost() {
    return failed("coordinator-unreachable", "the coordinator at "
        + setting.environment().coordinatorHost() + ":"
        + setting.environment().coordinatorPort() + " is lost");
  }

  private Behavior<Command> failed(Failure failure) {
    return failed(failure.errorId(), failure.text());
  }

  private Behavior<Command> failed(String id, String text) {
    request.fail(id, text, ErrorTable.remedy(id));
    return Behaviors.stopped();
  }

  private Behavior<Command> done(ObjectNode answer) {
    request.succeed(answer);
    return Behaviors.stopped();
  }

  private Behavior<Command> ignoreStale(String state, Command message) {
    context.getLog().debug("{}: {}: ignored {}", request.op(), state, message);
    return Behaviors.same();
  }
}
