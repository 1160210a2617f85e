package org.dmtcp.akka.agent.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Function;
import org.dmtcp.akka.agent.engine.EngineAnswer;
import org.dmtcp.akka.agent.engine.EngineCodec;
import org.dmtcp.akka.agent.engine.EngineDriver;
import org.dmtcp.akka.agent.engine.EngineFailure;
import org.dmtcp.akka.agent.engine.EngineRequest;
import org.dmtcp.akka.agent.engine.ImageSummary;
import org.dmtcp.akka.protocol.Actors;
import org.dmtcp.akka.protocol.Receiving;
import org.dmtcp.akka.protocol.RoundPlan;

/**
 * One process in one round: its snapshot and its image. Answers every command once; a failure ends
 * the round, which then stops this actor.
 * <pre>
 * idle -> snapshotting -> taken -> writing -> written
 * </pre>
 */
final class ProcessAgent {
  sealed interface Command {}

  /** @param totalMembers images in the whole generation */
  record TakeSnapshot(int totalMembers, Duration limit) implements Command {}

  record FinishImage(Duration limit) implements Command {}

  private record Answered(EngineAnswer answer) implements Command {}

  /** What the round hears. */
  sealed interface Report {
    Member member();
  }

  record SnapshotTaken(Member member) implements Report {}

  record ImageFinished(Member member, ImageSummary summary) implements Report {}

  record Failed(Member member, EngineFailure failure) implements Report {}

  private final ActorContext<Command> context;
  private final RoundPlan plan;
  private final Member member;
  private final Path image;
  private final ActorRef<EngineDriver.Command> engine;
  private final ActorRef<Report> round;
  private final ActorRef<EngineAnswer> answers;

  /** @param taken the snapshot has been taken already */
  static Behavior<Command> create(RoundPlan plan, Member member, Path image, boolean taken,
      ActorRef<EngineDriver.Command> engine, ActorRef<Report> round) {
    return Actors.setup(context -> {
      ProcessAgent agent = new ProcessAgent(context, plan, member, image, engine, round);
      return taken ? agent.taken() : agent.idle();
    });
  }

  private ProcessAgent(ActorContext<Command> context, RoundPlan plan, Member member, Path image,
      ActorRef<EngineDriver.Command> engine, ActorRef<Report> round) {
    this.context = context;
    this.plan = plan;
    this.member = member;
    this.image = image;
    this.engine = engine;
    this.round = round;
    this.answers = Actors.adapter(context, EngineAnswer.class, Answered::new);
  }

  /** What the engine is asked for; {@code totalMembers} and limit as in {@link TakeSnapshot}. */
  static EngineRequest.Snapshot snapshot(
      RoundPlan plan, Member member, Path image, int totalMembers, Duration limit) {
    return new EngineRequest.Snapshot(plan.roundId(), member.process(), member.uniquePid(),
        image.toString(), member.options().codec(), 0, totalMembers, member.options().openFiles(),
        plan.copyOnWrite(), member.options().bits(), NodeRound.nativeLimit(limit));
  }

  private Behavior<Command> idle() {
    return Receiving.of(Command.class)
        .onMessage(TakeSnapshot.class, m -> submit(
            snapshot(plan, member, image, m.totalMembers(), m.limit()),
            m.limit(), a -> {
              round.tell(new SnapshotTaken(member));
              return taken();
            }))
        .onAnyMessage(m -> ignoreStale("idle", m))
        .build();
  }

  private Behavior<Command> taken() {
    return Receiving.of(Command.class)
        .onMessage(FinishImage.class, m -> submit(
            new EngineRequest.Write(
                plan.roundId(), member.process(), NodeRound.nativeLimit(m.limit())),
            m.limit(), a -> {
              round.tell(new ImageFinished(member, EngineCodec.summary(a.body())));
              return over("written");
            }))
        .onAnyMessage(m -> ignoreStale("taken", m))
        .build();
  }

  private Behavior<Command> submit(EngineRequest request, Duration limit,
      Function<EngineAnswer, Behavior<Command>> next) {
    engine.tell(new EngineDriver.Submit(request, NodeRound.driverLimit(limit), answers));
    return Receiving.of(Command.class)
        .onMessage(Answered.class, m -> {
          if (m.answer().ok()) {
            return next.apply(m.answer());
          }
          round.tell(new Failed(member, m.answer().failure()));
          return over("failed");
        })
        .onAnyMessage(m -> ignoreStale("waiting for the engine", m))
        .build();
  }

  private Behavior<Command> over(String state) {
    return Receiving.of(Command.class)
        .onAnyMessage(m -> ignoreStale(state, m))
        .build();
  }

  private Behavior<Command> ignoreStale(String state, Command message) {
    context.getLog().debug("{}: {}: ignored {}", member.uniquePid(), state, message);
    return Behaviors.same();
  }
}
