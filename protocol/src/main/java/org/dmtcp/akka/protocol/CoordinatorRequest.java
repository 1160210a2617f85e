package org.dmtcp.akka.protocol;

import akka.actor.typed.ActorRef;
import java.time.Duration;
import java.util.List;

/**
 * The coordinator's commands, whoever gives them: the local socket, the console, the control
 * endpoint. What cannot be done is answered by {@code Refused}.
 */
public sealed interface CoordinatorRequest extends CoordinatorMessage {

  /** No interval was asked for: the present one stays. */
  Duration UNCHANGED = Duration.ofSeconds(-1);

  /** Of one message of the name service. */
  int MAX_NAMES = 1000;

  ActorRef<CoordinatorReply> replyTo();

  /**
   * A process joins the computation; the first one of an empty coordinator founds it. Answered by
   * {@code Registered}, after the end of a round that is going on. Only the node agent itself sends
   * it, behind any {@code ProcessesChanged} without the process.
   *
   * @param interval of automatic checkpoints, {@code UNCHANGED} to keep it
   */
  record Register(ProcessInfo process, Duration interval, ActorRef<CoordinatorReply> replyTo)
      implements CoordinatorRequest {}

  /** Answered by {@code Status}. */
  record GetStatus(ActorRef<CoordinatorReply> replyTo) implements CoordinatorRequest {}

  /** Answered by {@code Workers}. */
  record ListWorkers(ActorRef<CoordinatorReply> replyTo) implements CoordinatorRequest {}

  /**
   * Answered by {@code CheckpointStarted} or, if {@code blocking}, by {@code CheckpointDone} once
   * the generation is committed, or else by {@code Refused} with the cause.
   */
  record Checkpoint(boolean blocking, boolean kill, ActorRef<CoordinatorReply> replyTo)
      implements CoordinatorRequest {}

  /** Answered by {@code Progress}. */
  record GetProgress(ActorRef<CoordinatorReply> replyTo) implements CoordinatorRequest {}

  /** Answered by {@code Generations}. */
  record ListGenerations(ActorRef<CoordinatorReply> replyTo) implements CoordinatorRequest {}

  /**
   * Answered by {@code IntervalChanged}.
   *
   * @param interval zero: no automatic checkpoints
   */
  record SetInterval(Duration interval, ActorRef<CoordinatorReply> replyTo)
      implements CoordinatorRequest {
    public SetInterval {
      Checks.atLeast(0, interval.toSeconds(), "interval");
    }
  }

  /** Ends all processes; answered at once by {@code Accepted}. */
  record Kill(ActorRef<CoordinatorReply> replyTo) implements CoordinatorRequest {}

  /** Ends all processes, then the coordinator; answered at once by {@code Accepted}. */
  record Quit(ActorRef<CoordinatorReply> replyTo) implements CoordinatorRequest {}

  /** A restart goes on without the missing members; answered by {@code Accepted}. */
  record Force(ActorRef<CoordinatorReply> replyTo) implements CoordinatorRequest {}

  /**
   * A host has verified its images and is about to build the processes. Those who name the same
   * generation and manifest belong to one restart. Answered by {@code RestartBegun}.
   *
   * @param node the node agent that will adopt them
   * @param total members of the whole generation
   * @param members those of this request
   */
  record BeginRestart(
      String node,
      String computationId,
      long generation,
      String manifestId,
      int total,
      List<RestartMember> members,
      Duration interval,
      ActorRef<CoordinatorReply> replyTo)
      implements CoordinatorRequest {
    public BeginRestart {
      Checks.notEmpty(node, "node");
      Checks.notEmpty(computationId, "computationId");
      Checks.notEmpty(manifestId, "manifestId");
      Checks.atLeast(1, generation, "generation");
      Checks.atLeast(1, total, "total");
      members = List.copyOf(members);
    }
  }

  /**
   * The processes of a {@code BeginRestart} are built and stand still. Answered by any number of
   * {@code RestartWaiting} and at last {@code RestartGo} or {@code Refused}. After go they are
   * processes of the node like any other.
   *
   * @param processes those that are ready
   */
  record RestartReady(
      String restartId,
      String node,
      List<ProcessInfo> processes,
      ActorRef<CoordinatorReply> replyTo)
      implements CoordinatorRequest {
    public RestartReady {
      processes = List.copyOf(processes);
    }
  }

  /**
   * Something that processes of other hosts wait for in this restart, such as where a connection is
   * accepted. A name that is given again has the new value. Answered by {@code Accepted}.
   */
  record PublishNames(
      String restartId, List<NameValue> names, ActorRef<CoordinatorReply> replyTo)
      implements CoordinatorRequest {
    public PublishNames {
      names = List.copyOf(names);
      Checks.atMost(MAX_NAMES, names.size(), "number of names");
    }
  }

  /**
   * Asks for what others publish in this restart. Answered by {@code NamesResolved} once all are
   * there, after {@code limit}, or when the restart goes on without the missing members.
   */
  record ResolveNames(
      String restartId, List<String> names, Duration limit, ActorRef<CoordinatorReply> replyTo)
      implements CoordinatorRequest {
    public ResolveNames {
      names = List.copyOf(names);
      Checks.atMost(MAX_NAMES, names.size(), "number of names");
    }
  }

  /** The restarting command of these members has gone; they are missing again. */
  record RestartWithdrawn(
      String restartId,
      String node,
      List<String> uniquePids,
      String reason,
      ActorRef<CoordinatorReply> replyTo)
      implements CoordinatorRequest {
    public RestartWithdrawn {
      uniquePids = List.copyOf(uniquePids);
    }
  }

  /** What the processes of the computation do together; in every state of the coordinator. */
  sealed interface Shared extends CoordinatorRequest {}

  /**
   * One request to the key-value store; answered by {@code KeyValue}.
   *
   * @param request {@code get}, {@code set}, {@code incrby}, {@code and}, {@code or}, {@code xor},
   *     {@code min} or {@code max}
   */
  record AccessKeyValue(String request, String database, String key, String value,
      ActorRef<CoordinatorReply> replyTo) implements Shared {}

  /**
   * A process waits at a barrier; answered by {@code BarrierOpened}, or {@code Refused}.
   *
   * @param expected how many are to come; 0: all that have plugins
   */
  record EnterBarrier(String name, String uniquePid, int expected,
      ActorRef<CoordinatorReply> replyTo) implements Shared {
    public EnterBarrier {
      Checks.notEmpty(name, "name");
      Checks.notEmpty(uniquePid, "uniquePid");
      Checks.atLeast(0, expected, "expected");
    }
  }
}
