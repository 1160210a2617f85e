package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;
import org.dmtcp.akka.agent.engine.EngineHelper;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.dmtcp.akka.agent.local.LocalRequest;
import org.dmtcp.akka.config.ErrorTable;
import org.dmtcp.akka.protocol.Failure;
import org.dmtcp.akka.protocol.NodeEnvironment;
import org.dmtcp.akka.protocol.NodeEvent;
import org.dmtcp.akka.protocol.Receiving;

/**
 * The processes of this host that have plugins: their helper threads wait here for their next event
 * (docs/local-protocol.md, "Plugins"), and rounds have events raised.
 */
final class PluginDesk {
  sealed interface Command {}

  /** A {@code plugin-} request of the local socket. */
  record Local(LocalRequest request) implements Command {}

  /** What a round has raised; the name is that of the local protocol. */
  enum Event {
    PRESUSPEND, PRECHECKPOINT, RESUME, RUNNING;

    String text() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /**
   * The helpers of these processes are to raise an event; answered by {@link Raised} when all have,
   * or when one has failed. {@code RUNNING} is not answered: nobody waits for it.
   *
   * @param processes of PRESUSPEND; the later events of a round go to those who had that
   * @param helpers with plugins in the whole computation; 0: not known
   * @param taken of RESUME: the images are taken; if not, helpers that are still busy are not
   *     awaited
   */
  record Raise(Event event, String roundId, long generation, Set<HostProcess> processes,
      int helpers, boolean taken, Duration limit, ActorRef<Raised> replyTo) implements Command {}

  /**
   * @param helpers that have plugins
   * @param failure {@code null} when all hooks have returned
   */
  record Raised(Event event, List<EngineHelper> helpers, Failure failure) {}

  /** The rest of {@code plugin-attach}. */
  private record Resolved(LocalRequest request, Optional<HostProcess> process, int tries)
      implements Command {}

  private record Found(NodeAgent.Known known) implements Command {}

  private record Again(Resolved resolved) implements Command {}

  private record ClientGone(long attachment) implements Command {}

  private record BarrierLeft(LocalRequest request) implements Command {}

  private record Look() implements Command {}

  private record TimedOut() implements Command {}

  private static final Duration LOOK_EVERY = Duration.ofMillis(200);
  private static final Duration TRY_EVERY = Duration.ofMillis(50);
  private static final int TRIES = 100;

  /** A process with a helper thread. Only this actor touches it. */
  private static final class Attachment {
    final long number;
    final Member member;
    final long area;
    int tid;
    String roundId = "";
    LocalRequest waiting; // its plugin-next
    final List<ObjectNode> due = new ArrayList<>();

    Attachment(long number, Member member, long area) {
      this.number = number;
      this.member = member;
      this.area = area;
    }

    HostProcess process() {
      return member.process();
    }

    String name() {
      return "process " + member.virtualPid() + " (" + member.program() + ")";
    }
  }

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final NodeEnvironment environment;
  private final ProcFs proc;
  private final ActorRef<NodeAgent.Command> agent;
  private final Executor blocking;
  private final ActorRef<NodeAgent.Known> known;
  private final Map<HostProcess, Resolved> attaching = new HashMap<>();
  private final Map<Long, Attachment> attachments = new LinkedHashMap<>();
  private final Map<String, Map<LocalRequest, Long>> barriers = new HashMap<>(); // of this host
  private final long coordinatorTime = System.currentTimeMillis();
  private long lastNumber;
  private Raise raising; // null: none
  private final Set<Long> missing = new java.util.HashSet<>();

  static Behavior<Command> create(
      NodeEnvironment environment, ProcFs proc, ActorRef<NodeAgent.Command> agent) {
    return Behaviors.setup(context -> Behaviors.withTimers(
        timers -> new PluginDesk(context, timers, environment, proc, agent).serving()));
  }

  private PluginDesk(ActorContext<Command> context, TimerScheduler<Command> timers,
      NodeEnvironment environment, ProcFs proc, ActorRef<NodeAgent.Command> agent) {
    this.context = context;
    this.timers = timers;
    this.environment = environment;
    this.proc = proc;
    this.agent = agent;
    this.known = context.messageAdapter(NodeAgent.Known.class, Found::new);
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
  }

  private Behavior<Command> serving() {
    return Receiving.of(Command.class)
        .onMessage(Local.class, m -> then(() -> onLocal(m.request())))
        .onMessage(Resolved.class, m -> then(() -> onResolved(m)))
        .onMessage(Again.class, m -> then(() -> onResolved(m.resolved())))
        .onMessage(Found.class, m -> then(() -> onFound(m.known())))
        .onMessage(Raise.class, m -> then(() -> onRaise(m)))
        .onMessage(ClientGone.class, m -> then(() -> detach(m.attachment())))
        .onMessage(BarrierLeft.class, m -> then(() -> barriers.values()
            .forEach(waiting -> waiting.remove(m.request()))))
        .onMessage(Look.class, m -> then(this::look))
        .onMessage(TimedOut.class, m -> then(this::onTimeout))
        .build();
  }

  private Behavior<Command> then(Runnable step) {
    step.run();
    return Behaviors.same();
  }

  private void onLocal(LocalRequest request) {
    LocalForms form = new LocalForms(request.json());
    try {
      switch (request.op()) {
        case "plugin-attach" -> resolve(request, form);
        case "plugin-next" -> onNext(request, form);
        case "plugin-barrier" -> onBarrier(request, form);
        case "plugin-directory" -> onDirectory(request, form);
        case "plugin-detach" -> {
          detach(form.number("attachment", 1, Long.MAX_VALUE));
          request.succeed();
        }
        default -> refuse(request, "unknown request " + request.op());
      }
    } catch (IllegalArgumentException e) {
      refuse(request, request.op() + ": " + e.getMessage());
    }
  }

  private static void refuse(LocalRequest request, String text) {
    request.fail("bad-request", text, ErrorTable.remedy("bad-request"));
  }

  // ---- attaching: which process is it, and is it a member?

  private void resolve(LocalRequest request, LocalForms form) {
    int innerPid = form.positive("pid");
    long namespace = form.number("pidNamespace", 0, Long.MAX_VALUE);
    form.number("area", 1, Long.MAX_VALUE);
    context.pipeToSelf(
        CompletableFuture.supplyAsync(() -> proc.find(namespace, innerPid), blocking),
        (process, e) -> new Resolved(request, e == null ? process : Optional.empty(), 0));
  }

  private void onResolved(Resolved resolved) {
    if (resolved.process().isEmpty()) {
      resolved.request().fail("no-such-process", "the process cannot be found in /proc", "");
      return;
    }
    attaching.put(resolved.process().get(), resolved);
    agent.tell(new NodeAgent.Ask(resolved.process().get(), known));
  }

  private void onFound(NodeAgent.Known known) {
    Resolved resolved = attaching.remove(known.process());
    if (resolved == null) {
      return; // asked twice: it has attached anew meanwhile
    }
    if (known.member().isPresent()) {
      attach(resolved.request(), known);
    } else if (raising != null) { // nobody new is looked for, and a hook may wait for this one
      resolved.request().fail("round-busy", "a checkpoint is going on", "");
    } else if (resolved.tries() < TRIES) {
      timers.startSingleTimer(resolved.request(), new Again(new Resolved(
          resolved.request(), resolved.process(), resolved.tries() + 1)), TRY_EVERY);
    } else {
      resolved.request().fail("no-such-process", "the process is no member of a computation", "");
    }
  }

  private void attach(LocalRequest request, NodeAgent.Known known) {
    Member member = known.member().orElseThrow();
    // It has executed another program, or lost its connection.
    List<Attachment> before = attachments.values().stream()
        .filter(a -> a.process().equals(member.process())).toList();
    before.forEach(a -> attachments.remove(a.number));
    Attachment a = new Attachment(++lastNumber, member,
        new LocalForms(request.json()).number("area", 1, Long.MAX_VALUE));
    attachments.put(a.number, a);
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    answer.put("attachment", a.number).put("uniquePid", member.uniquePid())
        .put("computationId", known.computationId())
        .put("coordinatorHost", environment.coordinatorHost())
        .put("coordinatorPort", environment.coordinatorPort())
        .put("coordinatorTime", coordinatorTime).put("generation", known.generation())
        .put("checkpointDir", member.options().checkpointDir())
        .put("signal", member.options().signal())
        .put("openFiles", member.options().openFiles())
        .put("allowOverwrite", member.options().allowOverwrite());
    request.succeed(answer);
    if (raising != null && raising.event() == Event.PRESUSPEND
        && raising.processes().contains(a.process())) {
      a.roundId = raising.roundId(); // it is back, and its round waits for it
      a.due.add(order(raising, attachments.size()));
      missing.add(a.number);
    }
    counted();
    before.stream().filter(old -> missing.contains(old.number)).forEach(this::gone);
  }

  private void detach(long number) {
    Attachment a = attachments.remove(number);
    if (a == null) {
      return;
    }
    counted();
    if (missing.contains(number)) {
      gone(a);
    }
  }

  private void counted() {
    environment.coordinator().tell(
        new NodeEvent.PluginsChanged(environment.node(), attachments.size()));
    openBarriers();
  }

  // ---- events

  private void onNext(LocalRequest request, LocalForms form) {
    Attachment a = attachments.get(form.number("attachment", 1, Long.MAX_VALUE));
    if (a == null) {
      refuse(request, "no such attachment");
      return;
    }
    a.tid = form.positive("tid");
    context.getLog().debug("{} is back: {}", a.name(), request.json());
    a.waiting = request;
    ActorRef<Command> self = context.getSelf();
    request.whenGone(() -> self.tell(new ClientGone(a.number)));
    String done = request.json().path("done").asText("");
    String round = request.json().path("round").asText("");
    String failure = request.json().path("failure").asText("");
    serve(a);
    if (raising != null && missing.contains(a.number) && raising.event().text().equals(done)
        && raising.roundId().equals(round)) {
      missing.remove(a.number);
      finished(failure.isEmpty() ? null : failure(a, failure));
    }
  }

  private void serve(Attachment a) {
    if (a.waiting != null && !a.due.isEmpty()) {
      a.waiting.succeed(a.due.remove(0));
      a.waiting = null;
    }
  }

  private static Failure failure(Attachment a, String text) {
    return new Failure("plugin-failed", a.name() + ": " + text);
  }

  private void onRaise(Raise raise) {
    List<Attachment> targets = attachments.values().stream()
        .filter(a -> raise.event() == Event.PRESUSPEND
            ? raise.processes().contains(a.process()) && proc.lives(a.process())
            : a.roundId.equals(raise.roundId()))
        .toList();
    missing.clear();
    context.getLog().debug("{} of round {} for {}", raise.event(), raise.roundId(),
        targets.stream().map(Attachment::name).toList());
    raising = raise.event() == Event.RUNNING ? null : raise;
    for (Attachment a : targets) {
      a.roundId = raise.event() == Event.RUNNING ? "" : raise.roundId();
      boolean busy = a.waiting == null;
      a.due.add(order(raise, targets.size()));
      if (raising != null && !(busy && raise.event() == Event.RESUME && !raise.taken())) {
        missing.add(a.number);
      }
      serve(a);
    }
    if (raising != null) {
      timers.startSingleTimer("limit", new TimedOut(), raise.limit());
      timers.startTimerWithFixedDelay("look", new Look(), LOOK_EVERY);
      finished(null);
    }
  }

  private static ObjectNode order(Raise raise, int local) {
    return JsonNodeFactory.instance.objectNode().put("event", raise.event().text())
        .put("round", raise.roundId()).put("generation", raise.generation())
        .put("helpers", raise.helpers()).put("localHelpers", local).put("taken", raise.taken())
        .put("limitMs", raise.limit().toMillis());
  }

  /** @param failure of the one that has reported, {@code null}: it is fine */
  private void finished(Failure failure) {
    if (raising == null || (failure == null && !missing.isEmpty())) {
      return;
    }
    timers.cancel("limit");
    timers.cancel("look");
    Raise done = raising;
    raising = null;
    missing.clear();
    done.replyTo().tell(new Raised(done.event(), attachments.values().stream()
        .filter(a -> a.roundId.equals(done.roundId()))
        .map(a -> new EngineHelper(a.process(), a.tid, a.area)).toList(), failure));
  }

  /**
   * While its threads run a program may end when it likes, execute another one, or close what it
   * finds open: the round goes on without it, or with what attaches anew. But not in a later hook.
   */
  private void gone(Attachment a) {
    missing.remove(a.number);
    finished(raising.event() == Event.PRESUSPEND ? null
        : failure(a, "it ended in its hook for " + raising.event()));
  }

  /** A helper that has its order closes nothing that we hear of when its process executes another. */
  private void look() {
    for (Attachment a : List.copyOf(attachments.values())) {
      boolean executed = missing.contains(a.number) && a.tid > 0
          && !proc.hasThread(a.process(), a.tid);
      if (executed || !proc.lives(a.process())) {
        detach(a.number);
      }
    }
  }

  private void onTimeout() {
    if (raising == null) {
      return;
    }
    String who = missing.stream().map(attachments::get).filter(a -> a != null)
        .map(Attachment::name).collect(Collectors.joining(", "));
    finished(new Failure("plugin-failed", who + ": a plugin does not return from its hook for "
        + raising.event() + " (or waits at a barrier) for "
        + raising.limit().toSeconds() + " s"));
  }

  // ---- barriers of this host

  private void onBarrier(LocalRequest request, LocalForms form) {
    Attachment a = attachments.get(form.number("attachment", 1, Long.MAX_VALUE));
    String name = form.text("name");
    if (a == null) {
      refuse(request, "no such attachment");
      return;
    }
    if (!form.flag("local")) {
      agent.tell(new NodeAgent.Barrier(request, name, a.member.uniquePid()));
      return;
    }
    ActorRef<Command> self = context.getSelf();
    request.whenGone(() -> self.tell(new BarrierLeft(request)));
    barriers.computeIfAbsent(name, n -> new LinkedHashMap<>()).put(request, a.number);
    openBarriers();
  }

  private void openBarriers() {
    barriers.values().removeIf(waiting -> {
      long expected = waiting.keySet().stream()
          .mapToLong(r -> r.json().path("expected").asLong()).max().orElse(0);
      if (waiting.size() < (expected > 0 ? expected : attachments.size())) {
        return waiting.isEmpty();
      }
      waiting.keySet().forEach(LocalRequest::succeed);
      return true;
    });
  }

  // ---- where images go

  private void onDirectory(LocalRequest request, LocalForms form) {
    Attachment a = attachments.get(form.number("attachment", 1, Long.MAX_VALUE));
    String directory = form.text("directory");
    if (a == null || !directory.startsWith("/")) {
      refuse(request, a == null ? "no such attachment" : "the directory is not absolute");
      return;
    }
    agent.tell(new NodeAgent.MoveImages(a.process(), directory));
    request.succeed();
  }
}
